//! V8's postmortem constants that a reader needs, looked up in the running executable.

use std::collections::BTreeMap;
use std::ffi::CString;

use crate::v8::lookup;

/// Instance types, by the part of `v8dbg_type_<name>` after `type_`.
const TYPES: &[&str] = &[
    "BytecodeArray__BYTECODE_ARRAY_TYPE",
    "ByteArray__BYTE_ARRAY_TYPE",
    "Code__CODE_TYPE",
    "CoverageInfo__COVERAGE_INFO_TYPE",
    "DescriptorArray__DESCRIPTOR_ARRAY_TYPE",
    "EmbedderDataArray__EMBEDDER_DATA_ARRAY_TYPE",
    "FeedbackVector__FEEDBACK_VECTOR_TYPE",
    "FixedArray__FIXED_ARRAY_TYPE",
    "FixedDoubleArray__FIXED_DOUBLE_ARRAY_TYPE",
    "FreeSpace__FREE_SPACE_TYPE",
    "HeapNumber__HEAP_NUMBER_TYPE",
    "InstructionStream__INSTRUCTION_STREAM_TYPE",
    "JSArray__JS_ARRAY_TYPE",
    "JSAsyncFunctionObject__JS_ASYNC_FUNCTION_OBJECT_TYPE",
    "JSAsyncGeneratorObject__JS_ASYNC_GENERATOR_OBJECT_TYPE",
    "JSGlobalObject__JS_GLOBAL_OBJECT_TYPE",
    "JSMap__JS_MAP_TYPE",
    "JSProxy__JS_PROXY_TYPE",
    "JSRegExp__JS_REG_EXP_TYPE",
    "JSSet__JS_SET_TYPE",
    "JSWeakMap__JS_WEAK_MAP_TYPE",
    "JSWeakRef__JS_WEAK_REF_TYPE",
    "JSWeakSet__JS_WEAK_SET_TYPE",
    "Map__MAP_TYPE",
    "Oddball__ODDBALL_TYPE",
    "PreparseData__PREPARSE_DATA_TYPE",
    "PropertyArray__PROPERTY_ARRAY_TYPE",
    "PropertyCell__PROPERTY_CELL_TYPE",
    "ScopeInfo__SCOPE_INFO_TYPE",
    "Script__SCRIPT_TYPE",
    "SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE",
    "SloppyArgumentsElements__SLOPPY_ARGUMENTS_ELEMENTS_TYPE",
    "SmallOrderedHashMap__SMALL_ORDERED_HASH_MAP_TYPE",
    "SmallOrderedHashSet__SMALL_ORDERED_HASH_SET_TYPE",
    "SmallOrderedNameDictionary__SMALL_ORDERED_NAME_DICTIONARY_TYPE",
    "StrongDescriptorArray__STRONG_DESCRIPTOR_ARRAY_TYPE",
    "Symbol__SYMBOL_TYPE",
    "UncompiledDataWithPreparseDataAndJob__UNCOMPILED_DATA_WITH_PREPARSE_DATA_AND_JOB_TYPE",
    "UncompiledDataWithPreparseData__UNCOMPILED_DATA_WITH_PREPARSE_DATA_TYPE",
    "UncompiledDataWithoutPreparseDataWithJob__UNCOMPILED_DATA_WITHOUT_PREPARSE_DATA_WITH_JOB_TYPE",
    "UncompiledDataWithoutPreparseData__UNCOMPILED_DATA_WITHOUT_PREPARSE_DATA_TYPE",
    "WeakArrayList__WEAK_ARRAY_LIST_TYPE",
    "WeakCell__WEAK_CELL_TYPE",
    "WeakFixedArray__WEAK_FIXED_ARRAY_TYPE",
];

/// What the table of the version says beside the types. An executable that differs gets no image.
const EXPECTED: &[(&str, i32)] = &[
    ("TaggedSize", 8),
    ("SmiShiftSize", 31),
    ("HeapObjectTag", 1),
    ("class_JSFunction__shared__SharedFunctionInfo", 24),
    ("class_JSFunction__context__Context", 32),
    ("class_SharedFunctionInfo__name_or_scope_info__Object", 16),
    ("class_SharedFunctionInfo__script_or_debug_info__HeapObject", 32),
    ("class_Script__source__Object", 8),
    ("class_Script__name__Object", 16),
    ("class_Map__constructor_or_back_pointer__Object", 32),
    ("class_Map__instance_descriptors__DescriptorArray", 40),
    ("class_BytecodeArray__data__uintptr_t", 54),
];

/// The types of this executable.
///
/// # Errors
/// What is missing, or differs from the table of V8 11.3.
pub fn look_up() -> Result<BTreeMap<&'static str, i32>, String> {
    for &(name, expected) in EXPECTED {
        match constant(name) {
            Some(found) if found == expected => {}
            found => {
                return Err(format!("v8dbg_{name} is {found:?}, and V8 11.3 has {expected}"));
            }
        }
    }
    let of = |name: &&'static str| {
        let short = name.split("__").next().unwrap_or(name);
        let value = constant(&format!("type_{name}"));
        value.map(|value| (short, value)).ok_or_else(|| format!("no v8dbg_type_{name}"))
    };
    TYPES.iter().map(of).collect()
}

fn constant(name: &str) -> Option<i32> {
    let address = lookup(&CString::new(format!("v8dbg_{name}")).ok()?)?;
    // SAFETY: each v8dbg_ symbol is an int of static storage (v8, gen-postmortem-metadata.py).
    Some(unsafe { address.cast::<i32>().read_unaligned() })
}
