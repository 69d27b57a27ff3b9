//! The layout of objects in V8 11.3 (Node 20): what kinds there are and how large each object is.

use rustc_hash::FxHashMap;

use super::pages::Pages;

/// What an object is, as far as its layout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectShape {
    String,
    /// Tagged words after a length.
    Array,
    Doubles,
    Context,
    NativeContext,
    Map,
    Oddball,
    HeapNumber,
    BigInt,
    Symbol,
    ScopeInfo,
    Script,
    SharedFunctionInfo,
    Function,
    /// A JSReceiver that is none of the others.
    Object,
    GlobalObject,
    Collection,
    WeakCollection,
    WeakRef,
    WeakCell,
    Generator,
    PropertyCell,
    PropertyArray,
    UncompiledData,
    Code,
    InstructionStream,
    Descriptors,
    WeakList,
    FeedbackVector,
    /// Without tagged words.
    Bytes,
    Bytecode,
    FeedbackMetadata,
    PreparseData,
    FreeSpace,
    SloppyArguments,
    /// Fixed size, tagged words.
    Other,
}

/// Types that have no postmortem constant in V8 11.3.
mod fixed {
    pub const BIG_INT: u16 = 129;
    /// Subclasses of `FixedArray`, hash tables among them.
    pub const ARRAYS: std::ops::RangeInclusive<u16> = 175..=189;
    pub const CONTEXTS: std::ops::RangeInclusive<u16> = 205..=214;
    pub const NATIVE_CONTEXT: u16 = 212;
    pub const TRANSITION_ARRAY: u16 = 241;
    pub const FEEDBACK_METADATA: u16 = 248;
    pub const FUNCTIONS: std::ops::RangeInclusive<u16> = 2066..=2081;
    pub const GENERATOR: u16 = 2103;
}

/// Which shape each instance type has.
pub struct ObjectLayout {
    shapes: FxHashMap<u16, ObjectShape>,
    first_receiver: u16,
    pub array: u16,
    pub map: u16,
    pub js_array: u16,
    pub js_regexp: u16,
}

impl ObjectLayout {
    /// From the types of the image; `None` where one is missing.
    pub fn new(types: &FxHashMap<String, u16>) -> Option<Self> {
        let of = |name: &str| types.get(name).copied();
        let mut shapes = FxHashMap::default();
        for (name, shape) in NAMED {
            shapes.insert(of(name)?, *shape);
        }
        shapes.extend(
            fixed::ARRAYS.filter(|each| *each < 190).map(|each| (each, ObjectShape::Array)),
        );
        shapes.extend(fixed::CONTEXTS.map(|each| (each, ObjectShape::Context)));
        shapes.insert(fixed::NATIVE_CONTEXT, ObjectShape::NativeContext);
        shapes.insert(fixed::TRANSITION_ARRAY, ObjectShape::Array);
        shapes.insert(fixed::FEEDBACK_METADATA, ObjectShape::FeedbackMetadata);
        shapes.insert(fixed::BIG_INT, ObjectShape::BigInt);
        shapes.extend(fixed::FUNCTIONS.map(|each| (each, ObjectShape::Function)));
        shapes.entry(fixed::GENERATOR).or_insert(ObjectShape::Generator);
        Some(Self {
            shapes,
            first_receiver: of("JSProxy")?,
            array: of("FixedArray")?,
            map: of("Map")?,
            js_array: of("JSArray")?,
            js_regexp: of("JSRegExp")?,
        })
    }

    /// The shape of a type.
    pub fn shape(&self, kind: u16) -> ObjectShape {
        match kind {
            0..0x80 => ObjectShape::String,
            _ => self.shapes.get(&kind).copied().unwrap_or(match kind >= self.first_receiver {
                true => ObjectShape::Object,
                false => ObjectShape::Other,
            }),
        }
    }
}

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
    ("FreeSpace", ObjectShape::FreeSpace),
    ("HeapNumber", ObjectShape::HeapNumber),
    ("InstructionStream", ObjectShape::InstructionStream),
    ("JSAsyncFunctionObject", ObjectShape::Generator),
    ("JSAsyncGeneratorObject", ObjectShape::Generator),
    ("JSGlobalObject", ObjectShape::GlobalObject),
    ("JSMap", ObjectShape::Collection),
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
    ("WeakFixedArray", ObjectShape::Array),
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
    let first = pages.word(at + 8)?;
    let low = first & 0xffff_ffff;
    let round = |bytes: u64| bytes.next_multiple_of(8);
    Some(match shape {
        ObjectShape::String if kind & 7 == 0 => {
            round(16 + (first >> 32) * if kind & 8 == 0 { 2 } else { 1 })
        }
        ObjectShape::Array | ObjectShape::Doubles | ObjectShape::Context => 16 + 8 * count(first),
        ObjectShape::NativeContext => 24 + 8 * count(first),
        ObjectShape::Bytes => round(16 + count(first)),
        ObjectShape::Bytecode => round(54 + count(first)),
        ObjectShape::FreeSpace => count(first),
        ObjectShape::BigInt => 16 + 8 * ((low & 0x7fff_ffff) >> 1),
        ObjectShape::FeedbackMetadata => round(16 + 4 * low.div_ceil(6)),
        ObjectShape::Descriptors => 24 + 24 * (first & 0xffff),
        ObjectShape::WeakList => 24 + 8 * count(first),
        ObjectShape::FeedbackVector => 56 + 8 * low,
        ObjectShape::PropertyArray => 16 + 8 * (first >> 32 & 0x3ff),
        ObjectShape::SloppyArguments => 32 + 8 * count(first),
        ObjectShape::PreparseData => round(16 + low) + 8 * (first >> 32),
        ObjectShape::ScopeInfo => 8 * scope(pages, at)?.words,
        // Its size is in its Code object.
        ObjectShape::InstructionStream => 64,
        _ => return None,
    })
}

/// Where the parts of a ScopeInfo stand.
pub struct ScopeParts {
    pub words: u64,
    pub locals: u64,
    pub is_extended: bool,
    /// Word of the name of the function, if it has one.
    pub name: Option<u64>,
    /// Word of the position.
    pub position: Option<u64>,
}

/// From this number of locals on, their names are in a hash table.
pub const NAMES_IN_TABLE: u64 = 75;

/// The parts of a ScopeInfo.
pub fn scope(pages: &Pages, at: u64) -> Option<ScopeParts> {
    let flags = smi(pages.word(at + 8)?);
    let bit = |at: u32| flags >> at & 1 == 1;
    let locals = count(pages.word(at + 24)?);
    let nothing =
        ScopeParts { words: 4, locals: 0, is_extended: false, name: None, position: None };
    if bit(29) {
        return Some(nothing);
    }
    let kind = flags & 15;
    let mut words = 4 + locals + if locals < NAMES_IN_TABLE { locals } else { 1 };
    words += u64::from(bit(10));
    let has_name = flags >> 12 & 3 != 0;
    let name = has_name.then_some(words);
    words += if has_name { 2 } else { 0 };
    words += u64::from(bit(14));
    let has_position = [0, 1, 2, 3, 4, 8].contains(&kind);
    let position = has_position.then_some(words);
    words += if has_position { 2 } else { 0 } + u64::from(bit(22)) + u64::from(bit(28));
    if kind == 3 {
        words += 2 + 3 * count(pages.word(at + 8 * (words + 1))?);
    }
    Some(ScopeParts { words, locals, is_extended: bit(26), name, position })
}
