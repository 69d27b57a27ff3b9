//! The layout of objects in V8 11.3 (Node 20): what kinds there are and how large each object is.

use rustc_hash::FxHashMap;

use super::pages::Pages;

/// What an object is, as far as its layout goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
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
pub struct Layout {
    shapes: FxHashMap<u16, Shape>,
    first_receiver: u16,
    pub array: u16,
    pub map: u16,
    pub js_array: u16,
    pub js_regexp: u16,
}

impl Layout {
    /// From the types of the image; `None` where one is missing.
    pub fn new(types: &FxHashMap<String, u16>) -> Option<Self> {
        let of = |name: &str| types.get(name).copied();
        let mut shapes = FxHashMap::default();
        for (name, shape) in NAMED {
            shapes.insert(of(name)?, *shape);
        }
        shapes.extend(fixed::ARRAYS.filter(|each| *each < 190).map(|each| (each, Shape::Array)));
        shapes.extend(fixed::CONTEXTS.map(|each| (each, Shape::Context)));
        shapes.insert(fixed::NATIVE_CONTEXT, Shape::NativeContext);
        shapes.insert(fixed::TRANSITION_ARRAY, Shape::Array);
        shapes.insert(fixed::FEEDBACK_METADATA, Shape::FeedbackMetadata);
        shapes.insert(fixed::BIG_INT, Shape::BigInt);
        shapes.extend(fixed::FUNCTIONS.map(|each| (each, Shape::Function)));
        shapes.entry(fixed::GENERATOR).or_insert(Shape::Generator);
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
    pub fn shape(&self, kind: u16) -> Shape {
        match kind {
            0..0x80 => Shape::String,
            _ => self.shapes.get(&kind).copied().unwrap_or(match kind >= self.first_receiver {
                true => Shape::Object,
                false => Shape::Other,
            }),
        }
    }
}

const NAMED: &[(&str, Shape)] = &[
    ("BytecodeArray", Shape::Bytecode),
    ("ByteArray", Shape::Bytes),
    ("Code", Shape::Code),
    ("DescriptorArray", Shape::Descriptors),
    ("StrongDescriptorArray", Shape::Descriptors),
    ("EmbedderDataArray", Shape::Array),
    ("FeedbackVector", Shape::FeedbackVector),
    ("FixedArray", Shape::Array),
    ("FixedDoubleArray", Shape::Doubles),
    ("FreeSpace", Shape::FreeSpace),
    ("HeapNumber", Shape::HeapNumber),
    ("InstructionStream", Shape::InstructionStream),
    ("JSAsyncFunctionObject", Shape::Generator),
    ("JSAsyncGeneratorObject", Shape::Generator),
    ("JSGlobalObject", Shape::GlobalObject),
    ("JSMap", Shape::Collection),
    ("JSSet", Shape::Collection),
    ("JSWeakMap", Shape::WeakCollection),
    ("JSWeakSet", Shape::WeakCollection),
    ("JSWeakRef", Shape::WeakRef),
    ("Map", Shape::Map),
    ("Oddball", Shape::Oddball),
    ("PreparseData", Shape::PreparseData),
    ("PropertyArray", Shape::PropertyArray),
    ("PropertyCell", Shape::PropertyCell),
    ("ScopeInfo", Shape::ScopeInfo),
    ("Script", Shape::Script),
    ("SharedFunctionInfo", Shape::SharedFunctionInfo),
    ("SloppyArgumentsElements", Shape::SloppyArguments),
    ("Symbol", Shape::Symbol),
    ("UncompiledDataWithPreparseDataAndJob", Shape::UncompiledData),
    ("UncompiledDataWithPreparseData", Shape::UncompiledData),
    ("UncompiledDataWithoutPreparseDataWithJob", Shape::UncompiledData),
    ("UncompiledDataWithoutPreparseData", Shape::UncompiledData),
    ("WeakArrayList", Shape::WeakList),
    ("WeakCell", Shape::WeakCell),
    ("WeakFixedArray", Shape::Array),
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
pub fn size(pages: &Pages, at: u64, kind: u16, shape: Shape, fixed: u64) -> Option<u64> {
    if fixed != 0 {
        return Some(fixed);
    }
    let first = pages.word(at + 8)?;
    let low = first & 0xffff_ffff;
    let round = |bytes: u64| bytes.next_multiple_of(8);
    Some(match shape {
        Shape::String if kind & 7 == 0 => {
            round(16 + (first >> 32) * if kind & 8 == 0 { 2 } else { 1 })
        }
        Shape::Array | Shape::Doubles | Shape::Context => 16 + 8 * count(first),
        Shape::NativeContext => 24 + 8 * count(first),
        Shape::Bytes => round(16 + count(first)),
        Shape::Bytecode => round(54 + count(first)),
        Shape::FreeSpace => count(first),
        Shape::BigInt => 16 + 8 * ((low & 0x7fff_ffff) >> 1),
        Shape::FeedbackMetadata => round(16 + 4 * low.div_ceil(6)),
        Shape::Descriptors => 24 + 24 * (first & 0xffff),
        Shape::WeakList => 24 + 8 * count(first),
        Shape::FeedbackVector => 56 + 8 * low,
        Shape::PropertyArray => 16 + 8 * (first >> 32 & 0x3ff),
        Shape::SloppyArguments => 32 + 8 * count(first),
        Shape::PreparseData => round(16 + low) + 8 * (first >> 32),
        Shape::ScopeInfo => 8 * scope(pages, at)?.words,
        // Its size is in its Code object.
        Shape::InstructionStream => 64,
        _ => return None,
    })
}

/// Where the parts of a ScopeInfo stand.
pub struct Scope {
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
pub fn scope(pages: &Pages, at: u64) -> Option<Scope> {
    let flags = smi(pages.word(at + 8)?);
    let bit = |at: u32| flags >> at & 1 == 1;
    let locals = count(pages.word(at + 24)?);
    let nothing = Scope { words: 4, locals: 0, is_extended: false, name: None, position: None };
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
    Some(Scope { words, locals, is_extended: bit(26), name, position })
}
