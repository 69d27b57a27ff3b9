//! V8's postmortem constants that a reader needs, looked up in an executable.

use std::collections::BTreeMap;

use crate::heap_layout::{COMMON, HeapLayout};

/// Instance types by the names of their classes. A version has some of them; the layout of its reader says which it
/// cannot do without.
#[rustfmt::skip]
const TYPES: &[&str] = &[
    "AccessCheckInfo", "AccessorInfo", "AccessorPair", "AliasedArgumentsEntry", "AllocationMemento",
    "AllocationSite", "ArrayBoilerplateDescription", "ArrayList", "AsmWasmData", "AsyncGeneratorRequest",
    "AtomRegExpData", "BreakPointInfo", "BreakPoint", "ByteArray", "BytecodeArray", "BytecodeWrapper",
    "CallHandlerInfo", "CallSiteInfo", "CallableTask", "CallbackTask", "Cell", "ClassBoilerplate", "ClassPositions",
    "ClosureFeedbackCellArray", "CodeWrapper", "Code", "ConstTrackingLetCell", "ContextCell",
    "ContextSidePropertyCell", "CoverageInfo", "CppHeapExternalObject", "DebugInfo", "DependentCode",
    "DescriptorArray", "DictionaryTemplateInfo", "DoubleStringCache", "EmbedderDataArray", "EnumCache",
    "ErrorStackData", "ExternalPointerArray", "FeedbackCell", "FeedbackVector", "FixedArray", "FixedDoubleArray",
    "Foreign", "FreeSpace", "FunctionTemplateInfo", "FunctionTemplateRareData", "HeapNumber", "Hole",
    "InstructionStream", "InterceptorInfo", "InterpreterData", "IrRegExpData", "JSArgumentsObject", "JSArrayBuffer",
    "JSArrayIterator", "JSArray", "JSAsyncDisposableStack", "JSAsyncFromSyncIterator", "JSAsyncFunctionObject",
    "JSAsyncGeneratorObject", "JSAtomicsCondition", "JSAtomicsMutex", "JSBoundFunction", "JSCollator", "JSDataView",
    "JSDateTimeFormat", "JSDate", "JSDeferredModuleNamespace", "JSDetachedTypedArray", "JSDisplayNames",
    "JSDurationFormat", "JSError", "JSExternalObject", "JSFinalizationRegistry", "JSFunction", "JSGlobalObject",
    "JSGlobalProxy", "JSIteratorConcatHelper", "JSIteratorDropHelper", "JSIteratorFilterHelper",
    "JSIteratorFlatMapHelper", "JSIteratorMapHelper", "JSIteratorTakeHelper", "JSListFormat", "JSLocale", "JSMap",
    "JSMessageObject", "JSModuleNamespace", "JSNumberFormat", "JSObjectWithEmbedderSlots", "JSObject",
    "JSPluralRules", "JSPrimitiveWrapper", "JSPromise", "JSProxy", "JSRabGsabDataView", "JSRawJson",
    "JSRegExpStringIterator", "JSRegExp", "JSRelativeTimeFormat", "JSSegmentIterator", "JSSegmenter", "JSSegments",
    "JSSet", "JSShadowRealm", "JSSharedArray", "JSSharedStruct", "JSStringIterator", "JSSyncDisposableStack",
    "JSTemporalCalendar", "JSTemporalDuration", "JSTemporalInstant", "JSTemporalPlainDateTime",
    "JSTemporalPlainDate", "JSTemporalPlainMonthDay", "JSTemporalPlainTime", "JSTemporalPlainYearMonth",
    "JSTemporalTimeZone", "JSTemporalZonedDateTime", "JSTypedArray", "JSValidIteratorWrapper", "JSWeakMap",
    "JSWeakRef", "JSWeakSet", "JSWrappedFunction", "Map", "MegaDomHandler", "ModuleRequest",
    "ObjectBoilerplateDescription", "ObjectTemplateInfo", "Oddball", "OnHeapBasicBlockProfilerData", "PreparseData",
    "PromiseCapability", "PromiseFulfillReactionJobTask", "PromiseOnStack", "PromiseReaction",
    "PromiseRejectReactionJobTask", "PromiseResolveThenableJobTask", "PropertyArray", "PropertyCell",
    "PropertyDescriptorObject", "ProtectedFixedArray", "ProtectedWeakFixedArray", "PrototypeInfo",
    "PrototypeSharedClosureInfo", "RegExpBoilerplateDescription", "RegExpDataWrapper", "RegExpData",
    "RegExpMatchInfo", "ScopeInfo", "ScriptContextTable", "ScriptOrModule", "Script", "SharedFunctionInfoWrapper",
    "SharedFunctionInfo", "SloppyArgumentsElements", "SmallOrderedHashMap", "SmallOrderedHashSet",
    "SmallOrderedNameDictionary", "SourceTextModuleInfoEntry", "SourceTextModule", "StackFrameInfo",
    "StackTraceInfo", "StrongDescriptorArray", "SwissNameDictionary", "Symbol", "SyntheticModule",
    "TemplateObjectDescription", "TrustedByteArray", "TrustedFixedArray", "TrustedForeign", "TrustedWeakFixedArray",
    "Tuple2", "UncompiledDataWithPreparseDataAndJob", "UncompiledDataWithPreparseData",
    "UncompiledDataWithoutPreparseDataWithJob", "UncompiledDataWithoutPreparseData", "WasmApiFunctionRef",
    "WasmArray", "WasmCapiFunctionData", "WasmContinuationObject", "WasmExceptionTag", "WasmExportedFunctionData",
    "WasmFastApiCallData", "WasmFuncRef", "WasmGlobalObject", "WasmImportData", "WasmIndirectFunctionTable",
    "WasmInstanceObject", "WasmInternalFunction", "WasmJSFunctionData", "WasmMemoryMapDescriptor",
    "WasmMemoryObject", "WasmModuleObject", "WasmNull", "WasmResumeData", "WasmStringViewIter", "WasmStruct",
    "WasmSuspenderObject", "WasmSuspendingObject", "WasmTableObject", "WasmTagObject", "WasmTypeInfo",
    "WeakArrayList", "WeakCell", "WeakFixedArray",
];

/// The types of an executable, whose symbols `constant` gives the values of.
///
/// # Errors
/// What is missing, or differs from the table of its version.
pub fn look_up(
    layout: &HeapLayout,
    constant: impl Fn(&str) -> Option<i32>,
) -> Result<BTreeMap<&'static str, i32>, String> {
    let constant = |name: &str| constant(&format!("v8dbg_{name}"));
    let (major, minor) = layout.v8;
    for &(name, expected) in COMMON.iter().chain(layout.constants) {
        match constant(name) {
            Some(found) if found == expected => {}
            Some(found) => {
                return Err(format!(
                    "v8dbg_{name} is {found}, and V8 {major}.{minor} of Node {} has {expected}",
                    layout.node
                ));
            }
            None => return Err(format!("there is no v8dbg_{name}")),
        }
    }
    let of = |name: &&'static str| constant(&symbol(name)).map(|value| (*name, value));
    Ok(TYPES.iter().filter_map(of).collect())
}

/// The constant of a type: `type_JSRegExp__JS_REG_EXP_TYPE`.
fn symbol(name: &str) -> String {
    let mut symbol = format!("type_{name}__");
    let letters = name.as_bytes();
    for (at, letter) in letters.iter().enumerate() {
        let is_lower = |at: usize| letters.get(at).is_some_and(u8::is_ascii_lowercase);
        let is_after_word = at > 0 && !letters[at - 1].is_ascii_uppercase();
        if at > 0 && letter.is_ascii_uppercase() && (is_after_word || is_lower(at + 1)) {
            symbol.push('_');
        }
        symbol.push(letter.to_ascii_uppercase().into());
    }
    symbol + "_TYPE"
}

#[cfg(test)]
mod tests {
    use super::symbol;

    #[test]
    fn names_of_constants_are_those_of_v8() {
        assert_eq!(symbol("JSRegExp"), "type_JSRegExp__JS_REG_EXP_TYPE");
        assert_eq!(symbol("AsmWasmData"), "type_AsmWasmData__ASM_WASM_DATA_TYPE");
        assert_eq!(symbol("Tuple2"), "type_Tuple2__TUPLE2_TYPE");
        assert_eq!(symbol("Map"), "type_Map__MAP_TYPE");
        assert_eq!(symbol("ScriptOrJS"), "type_ScriptOrJS__SCRIPT_OR_JS_TYPE");
    }

    #[test]
    fn an_executable_that_differs_from_its_table_is_refused() {
        use super::{COMMON, look_up};
        use crate::heap_layout::LAYOUTS;
        for layout in LAYOUTS {
            let known = |name: &str| {
                let name = name.strip_prefix("v8dbg_")?;
                let of_types = [("type_Map__MAP_TYPE", 7), ("type_JSMap__JS_MAP_TYPE", 9)];
                let mut all = COMMON.iter().chain(layout.constants).chain(&of_types);
                all.find(|(known, _)| *known == name).map(|&(_, value)| value)
            };
            let types = look_up(layout, known).unwrap();
            assert_eq!(types.into_iter().collect::<Vec<_>>(), [("JSMap", 9), ("Map", 7)]);
            let other =
                |name: &str| known(name).map(|value| value + i32::from(name.ends_with("Tag")));
            let why = look_up(layout, other).unwrap_err();
            assert!(why.starts_with("v8dbg_HeapObjectTag is 2, and V8 "), "{why}");
            let less = |name: &str| known(name).filter(|_| name != "v8dbg_TaggedSize");
            assert_eq!(look_up(layout, less).unwrap_err(), "there is no v8dbg_TaggedSize");
        }
    }
}
