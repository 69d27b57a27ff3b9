//! What kinds of objects there are and how large each is, by the facts of a version of V8.

use rustc_hash::FxHashMap;

use super::pages::Pages;
use crate::heap_layout::{HeapLayout, ScopeFacts};

/// What an object is, as far as its layout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectShape {
    String,
    /// Tagged words after a length.
    Array,
    /// An array without tagged words.
    Doubles,
    /// As [`Self::Array`], with references that do not retain.
    WeakArray,
    Context,
    NativeContext,
    Map,
    /// A value of the language, or one that stands for nothing.
    Oddball,
    HeapNumber,
    BigInt,
    Symbol,
    ScopeInfo,
    Script,
    SharedFunctionInfo,
    Function,
    /// A JSObject that is none of the others.
    Object,
    GlobalObject,
    GlobalProxy,
    ArrayBuffer,
    ArrayBufferView,
    BoundFunction,
    Promise,
    Proxy,
    RegExp,
    Collection,
    WeakCollection,
    WeakRef,
    WeakCell,
    Generator,
    /// The variable of a module that others import.
    Cell,
    PropertyCell,
    PropertyArray,
    Accessors,
    AccessorInfo,
    AllocationSite,
    ArrayBoilerplate,
    PrototypeInfo,
    EnumCache,
    UncompiledData,
    Code,
    InstructionStream,
    Descriptors,
    Transitions,
    WeakList,
    ArrayList,
    Boilerplate,
    RegExpMatch,
    ScriptContexts,
    FeedbackVector,
    FeedbackCell,
    /// Without tagged words.
    Bytes,
    Bytecode,
    FeedbackMetadata,
    PreparseData,
    FreeSpace,
    Pointers,
    SloppyArguments,
    DoubleStrings,
    Coverage,
    RegExpBoilerplate,
    WasmTable,
    WasmTypeInfo,
    /// Fixed size, tagged words.
    Other,
}

/// Which shape each instance type has.
pub struct ObjectLayout {
    shapes: FxHashMap<u16, ObjectShape>,
    names: FxHashMap<u16, String>,
    receivers: u16,
    pub array: u16,
    pub map: u16,
    pub js_array: u16,
    /// The types whose empty arrays V8's snapshots leave out.
    pub empty: [u16; 3],
}

impl ObjectLayout {
    /// From the types of the image; `Err` names one that is missing.
    pub fn new(types: &FxHashMap<String, u16>, layout: &HeapLayout) -> Result<Self, &'static str> {
        let of = |name: &'static str| types.get(name).copied().ok_or(name);
        let mut shapes = FxHashMap::default();
        let facts = &layout.types;
        let range = |(first, last): (u16, u16)| first..=last.min(first.saturating_add(64));
        shapes.extend(range(facts.arrays).map(|each| (each, ObjectShape::Array)));
        shapes.extend(range(facts.contexts).map(|each| (each, ObjectShape::Context)));
        shapes.extend(range(facts.functions).map(|each| (each, ObjectShape::Function)));
        let single = [
            (facts.native_context, ObjectShape::NativeContext),
            (facts.transition_array, ObjectShape::Transitions),
            (facts.feedback_metadata, ObjectShape::FeedbackMetadata),
            (facts.big_int, ObjectShape::BigInt),
            (facts.free_space, ObjectShape::FreeSpace),
            (facts.generator, ObjectShape::Generator),
        ];
        shapes.extend(single);
        shapes.extend(facts.hole.map(|hole| (hole, ObjectShape::Oddball)));
        for &(name, shape) in NAMED {
            shapes.insert(of(name)?, shape);
        }
        let some = |&(name, shape): &(&str, ObjectShape)| Some((*types.get(name)?, shape));
        shapes.extend(OPTIONAL.iter().filter_map(some));
        let tables = layout.unnamed.iter().filter(|(_, name)| *name == WASM_TABLE);
        shapes.extend(tables.map(|&(number, _)| (number, ObjectShape::WasmTable)));
        let mut names: FxHashMap<_, _> = types
            .iter()
            .filter(|(name, number)| {
                // A subclass without a type of its own has the number of its parent.
                *name != "DependentCode" || types.get("WeakArrayList") != Some(number)
            })
            .map(|(name, number)| (*number, name.clone()))
            .collect();
        names.extend(layout.unnamed.iter().map(|&(number, name)| (number, name.to_owned())));
        names.extend(facts.hole.map(|hole| (hole, HOLE.to_owned())));
        Ok(Self {
            shapes,
            names,
            receivers: of("JSProxy")?,
            array: of("FixedArray")?,
            map: of("Map")?,
            js_array: of("JSArray")?,
            empty: ["FixedArray", "ByteArray", "WeakFixedArray"]
                .map(|name| types.get(name).copied().unwrap_or(0)),
        })
    }

    /// The shape of a type.
    pub fn shape(&self, kind: u16) -> ObjectShape {
        match kind {
            0..0x80 => ObjectShape::String,
            _ => self.shapes.get(&kind).copied().unwrap_or(match self.is_receiver(kind) {
                true => ObjectShape::Object,
                false => ObjectShape::Other,
            }),
        }
    }

    pub fn is_receiver(&self, kind: u16) -> bool {
        kind >= self.receivers
    }

    /// The name of a type, where V8 has a constant for it.
    pub fn name(&self, kind: u16) -> Option<&str> {
        self.names.get(&kind).map(String::as_str)
    }
}

/// The name of the type of values that stand for nothing.
pub const HOLE: &str = "Hole";

/// The name of the type of tables of WebAssembly's functions.
const WASM_TABLE: &str = "WasmDispatchTable";

/// What each version has.
const NAMED: &[(&str, ObjectShape)] = &[
    ("BytecodeArray", ObjectShape::Bytecode),
    ("ByteArray", ObjectShape::Bytes),
    ("Code", ObjectShape::Code),
    ("DescriptorArray", ObjectShape::Descriptors),
    ("StrongDescriptorArray", ObjectShape::Descriptors),
    ("EmbedderDataArray", ObjectShape::Array),
    ("FeedbackVector", ObjectShape::FeedbackVector),
    ("FixedArray", ObjectShape::Array),
    ("FixedDoubleArray", ObjectShape::Doubles),
    ("HeapNumber", ObjectShape::HeapNumber),
    ("InstructionStream", ObjectShape::InstructionStream),
    ("JSAsyncFunctionObject", ObjectShape::Generator),
    ("JSAsyncGeneratorObject", ObjectShape::Generator),
    ("JSGlobalObject", ObjectShape::GlobalObject),
    ("JSMap", ObjectShape::Collection),
    ("JSProxy", ObjectShape::Proxy),
    ("JSRegExp", ObjectShape::RegExp),
    ("JSSet", ObjectShape::Collection),
    ("JSWeakMap", ObjectShape::WeakCollection),
    ("JSWeakSet", ObjectShape::WeakCollection),
    ("JSWeakRef", ObjectShape::WeakRef),
    ("Map", ObjectShape::Map),
    ("Oddball", ObjectShape::Oddball),
    ("PreparseData", ObjectShape::PreparseData),
    ("PropertyArray", ObjectShape::PropertyArray),
    ("PropertyCell", ObjectShape::PropertyCell),
    ("ScopeInfo", ObjectShape::ScopeInfo),
    ("Script", ObjectShape::Script),
    ("SharedFunctionInfo", ObjectShape::SharedFunctionInfo),
    ("SloppyArgumentsElements", ObjectShape::SloppyArguments),
    ("Symbol", ObjectShape::Symbol),
    ("UncompiledDataWithPreparseDataAndJob", ObjectShape::UncompiledData),
    ("UncompiledDataWithPreparseData", ObjectShape::UncompiledData),
    ("UncompiledDataWithoutPreparseDataWithJob", ObjectShape::UncompiledData),
    ("UncompiledDataWithoutPreparseData", ObjectShape::UncompiledData),
    ("WeakArrayList", ObjectShape::WeakList),
    ("WeakCell", ObjectShape::WeakCell),
    ("WeakFixedArray", ObjectShape::WeakArray),
];

/// What some versions have.
const OPTIONAL: &[(&str, ObjectShape)] = &[
    ("AccessorInfo", ObjectShape::AccessorInfo),
    ("AccessorPair", ObjectShape::Accessors),
    ("AllocationSite", ObjectShape::AllocationSite),
    ("ArrayBoilerplateDescription", ObjectShape::ArrayBoilerplate),
    ("ArrayList", ObjectShape::ArrayList),
    ("Cell", ObjectShape::Cell),
    ("ClosureFeedbackCellArray", ObjectShape::Array),
    ("CoverageInfo", ObjectShape::Coverage),
    ("DependentCode", ObjectShape::WeakList),
    ("DoubleStringCache", ObjectShape::DoubleStrings),
    ("EnumCache", ObjectShape::EnumCache),
    ("ExternalPointerArray", ObjectShape::Pointers),
    ("FeedbackCell", ObjectShape::FeedbackCell),
    ("JSArrayBuffer", ObjectShape::ArrayBuffer),
    ("JSBoundFunction", ObjectShape::BoundFunction),
    ("JSDataView", ObjectShape::ArrayBufferView),
    ("JSDetachedTypedArray", ObjectShape::ArrayBufferView),
    ("JSGlobalProxy", ObjectShape::GlobalProxy),
    ("JSPromise", ObjectShape::Promise),
    ("JSRabGsabDataView", ObjectShape::ArrayBufferView),
    ("JSTypedArray", ObjectShape::ArrayBufferView),
    ("ObjectBoilerplateDescription", ObjectShape::Boilerplate),
    ("ProtectedFixedArray", ObjectShape::Array),
    ("ProtectedWeakFixedArray", ObjectShape::WeakArray),
    ("PrototypeInfo", ObjectShape::PrototypeInfo),
    ("RegExpBoilerplateDescription", ObjectShape::RegExpBoilerplate),
    ("RegExpMatchInfo", ObjectShape::RegExpMatch),
    ("ScriptContextTable", ObjectShape::ScriptContexts),
    ("TrustedByteArray", ObjectShape::Bytes),
    ("TrustedFixedArray", ObjectShape::Array),
    ("TrustedWeakFixedArray", ObjectShape::WeakArray),
    ("WasmTypeInfo", ObjectShape::WasmTypeInfo),
];

/// The value of a small integer.
pub fn smi(word: u64) -> i64 {
    (word.cast_signed()) >> 32
}

/// A length in a small integer, 0 where it is none.
pub fn count(word: u64) -> u64 {
    if word & 0xffff_ffff == 0 { u64::try_from(smi(word)).unwrap_or(0) } else { 0 }
}

/// The size in bytes of an object; `None` where its length is not readable or its kind is not known.
pub fn size(pages: &Pages, at: u64, kind: u16, shape: ObjectShape, fixed: u64) -> Option<u64> {
    if fixed != 0 {
        return Some(fixed);
    }
    let facts = &pages.layout.headers;
    let first = pages.word(at + 8)?;
    let low = first & 0xffff_ffff;
    let round = |bytes: u64| bytes.next_multiple_of(8);
    Some(match shape {
        ObjectShape::String if kind & 7 == 0 => {
            round(16 + (first >> 32) * if kind & 8 == 0 { 2 } else { 1 })
        }
        ObjectShape::Array
        | ObjectShape::WeakArray
        | ObjectShape::Transitions
        | ObjectShape::Pointers
        | ObjectShape::Doubles
        | ObjectShape::Context => 16 + 8 * count(first),
        ObjectShape::NativeContext => 24 + 8 * count(first),
        ObjectShape::Bytes => round(16 + count(first)),
        ObjectShape::Bytecode => round(facts.bytecode + count(first)),
        ObjectShape::FreeSpace => facts.free_space_unit * count(first),
        ObjectShape::BigInt => 16 + 8 * ((low & 0x7fff_ffff) >> 1),
        ObjectShape::FeedbackMetadata => {
            round(16 + 4 * low.div_ceil(6) + facts.closure_slot * (first >> 32))
        }
        ObjectShape::Descriptors => facts.descriptors + 24 * (first & 0xffff),
        ObjectShape::WeakList => 24 + 8 * count(first),
        ObjectShape::ArrayList => facts.array_list + 8 * count(first),
        ObjectShape::Boilerplate => facts.boilerplate + 8 * count(first),
        ObjectShape::RegExpMatch => facts.regexp_match + 8 * count(first),
        ObjectShape::ScriptContexts => facts.script_contexts + 8 * count(first),
        ObjectShape::FeedbackVector => facts.feedback_vector + 8 * low,
        ObjectShape::PropertyArray => 16 + 8 * (first >> 32 & 0x3ff),
        ObjectShape::SloppyArguments => 32 + 8 * count(first),
        ObjectShape::PreparseData => round(16 + low) + 8 * (first >> 32),
        ObjectShape::DoubleStrings => 16 + 16 * low,
        ObjectShape::Coverage => 16 + 16 * low,
        ObjectShape::WasmTable => {
            let (header, entry) = facts.wasm_table?;
            header + entry * (first >> 32)
        }
        ObjectShape::WasmTypeInfo => {
            let at_count = facts.wasm_supertypes?;
            at_count + 8 + 8 * count(pages.word(at + at_count)?)
        }
        ObjectShape::ScopeInfo => 8 * scope(pages, at)?.words,
        ObjectShape::InstructionStream => {
            let length = match facts.instructions_length {
                Some(offset) => pages.word(at + offset)?,
                // Its size is in its Code object.
                None => {
                    let code = pages.word(at + 8).filter(|word| word & 3 == 1)?.checked_sub(1)?;
                    pages.half(code.checked_add(facts.code_length)?)?
                }
            };
            (facts.instructions + (length & 0xffff_ffff)).next_multiple_of(64)
        }
        _ => return None,
    })
}

/// Where the parts of a ScopeInfo stand.
pub struct ScopeParts {
    pub words: u64,
    pub locals: u64,
    /// Word of the first name of a local, or of the table of the names.
    pub names: u64,
    pub is_extended: bool,
    /// Word of the name of the function, if it has one.
    pub name: Option<u64>,
    /// Word of the name that V8 gave it by what it was assigned to.
    pub inferred: Option<u64>,
    /// Word of the position.
    pub position: Option<u64>,
}

/// From this number of locals on, their names are in a hash table.
pub const NAMES_IN_TABLE: u64 = 75;

/// The parts of a ScopeInfo.
pub fn scope(pages: &Pages, at: u64) -> Option<ScopeParts> {
    let facts: &ScopeFacts = &pages.layout.scope;
    let flags = pages.word(at + 8)?;
    let flags = if facts.has_smi_flags { smi(flags).cast_unsigned() } else { flags & 0xffff_ffff };
    let bit = |at: u32| u64::from(flags >> at & 1 == 1);
    let mut locals = count(pages.word(at + 24)?);
    if facts.empty.is_some_and(|empty| bit(empty) == 1) {
        return Some(ScopeParts {
            words: 4,
            locals: 0,
            names: 4,
            is_extended: false,
            name: None,
            inferred: None,
            position: None,
        });
    }
    // More locals than a page has words are damage.
    locals = locals.min(1 << 16);
    let kind = flags & 15;
    let is_module = kind == facts.module_kind;
    let mut words = facts.names;
    let mut exports = 0;
    if is_module && facts.is_module_count_first {
        exports = count(pages.word(at + 8 * words)?).min(1 << 16);
        words += 1;
    }
    let names = words;
    words += locals + if locals < NAMES_IN_TABLE { locals } else { 1 };
    words += bit(10);
    let has_name = flags >> 12 & 3 != 0;
    let name = has_name.then_some(words);
    words += if has_name { 2 } else { 0 };
    let inferred = (bit(14) == 1).then_some(words);
    words += bit(14);
    let mut position = facts.position;
    if position.is_none() && facts.positioned >> kind & 1 == 1 {
        position = Some(words);
        words += 2;
    }
    words += bit(22);
    if is_module && !facts.is_module_count_first {
        words += bit(facts.last);
        words += 2 + 3 * count(pages.word(at + 8 * (words + 1))?).min(1 << 16);
    } else {
        words += if is_module { 1 + 3 * exports } else { 0 } + bit(facts.last);
    }
    words += u64::from(facts.longer_kind == Some(kind));
    let is_extended = bit(26) == 1;
    Some(ScopeParts { words, locals, names, is_extended, name, inferred, position })
}
