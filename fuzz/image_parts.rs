//! What the generators of heap images have in common. Shared by the fuzz target and by `cargo test`.

/// Types by name. Their numbers are above those of strings, in this order; the receivers come last.
pub const TYPES: &[&str] = &[
    "Map",
    "FixedArray",
    "FixedDoubleArray",
    "ByteArray",
    "BytecodeArray",
    "Code",
    "DescriptorArray",
    "StrongDescriptorArray",
    "EmbedderDataArray",
    "FeedbackVector",
    "FreeSpace",
    "HeapNumber",
    "InstructionStream",
    "Oddball",
    "Hole",
    "PreparseData",
    "PropertyArray",
    "PropertyCell",
    "ScopeInfo",
    "Script",
    "SharedFunctionInfo",
    "SloppyArgumentsElements",
    "Symbol",
    "UncompiledDataWithPreparseDataAndJob",
    "UncompiledDataWithPreparseData",
    "UncompiledDataWithoutPreparseDataWithJob",
    "UncompiledDataWithoutPreparseData",
    "WeakArrayList",
    "WeakCell",
    "WeakFixedArray",
    "AccessorInfo",
    "AccessorPair",
    "AllocationSite",
    "ArrayBoilerplateDescription",
    "ArrayList",
    "Cell",
    "CoverageInfo",
    "DependentCode",
    "DoubleStringCache",
    "EnumCache",
    "ExternalPointerArray",
    "FeedbackCell",
    "FunctionTemplateInfo",
    "ObjectBoilerplateDescription",
    "PrototypeInfo",
    "RegExpMatchInfo",
    "ScriptContextTable",
    "TrustedByteArray",
    "TrustedFixedArray",
    "WasmTypeInfo",
    "JSProxy",
    "JSGlobalObject",
    "JSGlobalProxy",
    "JSArray",
    "JSArrayBuffer",
    "JSTypedArray",
    "JSBoundFunction",
    "JSDataView",
    "JSPrimitiveWrapper",
    "JSArgumentsObject",
    "JSAsyncFunctionObject",
    "JSAsyncGeneratorObject",
    "JSMap",
    "JSSet",
    "JSWeakMap",
    "JSWeakSet",
    "JSWeakRef",
    "JSPromise",
    "JSRegExp",
];
/// Types that have a number in the layout of their version and no name.
pub const NUMBERED: [[u64; 15]; 4] = [
    [175, 180, 205, 212, 2066, 2105, 129, 241, 248, 177, 179, 181, 187, 1100, 137],
    [174, 180, 190, 197, 2066, 2107, 129, 248, 257, 176, 178, 180, 261, 1100, 214],
    [205, 210, 220, 227, 2065, 2109, 129, 257, 265, 207, 209, 211, 269, 1100, 189],
    [205, 210, 221, 228, 2066, 2111, 129, 259, 270, 207, 209, 211, 274, 1100, 188],
];
const VERSIONS: [&str; 4] = ["11.3", "12.4", "13.6", "14.6"];
/// Strings of characters of two bytes and of one, concatenated, external, sliced, and what refers to another.
pub const STRINGS: [u64; 7] = [0, 8, 1, 2, 10, 3, 5];
/// The number of the first type by name.
pub const FIRST: u64 = 300;
pub const BASE: u64 = 0x1000_0000;
pub const MAP_WORDS: u64 = 10;

/// The header of an image of a version.
pub fn header(version: usize) -> Vec<u8> {
    let types: Vec<String> =
        (FIRST..).zip(TYPES).map(|(number, name)| format!("\"{name}\":{number}")).collect();
    let header = format!(
        "{{\"format\":1,\"pid\":7,\"v8\":\"{}\",\"types\":{{{}}}}}",
        VERSIONS[version],
        types.join(",")
    );
    let mut image = (header.len() as u32).to_le_bytes().to_vec();
    image.extend(header.bytes());
    image
}

/// Adds a record of words.
pub fn record(image: &mut Vec<u8>, kind: u32, address: u64, words: &[u64]) {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    record_of_bytes(image, kind, address, &bytes);
}

/// Adds a record.
pub fn record_of_bytes(image: &mut Vec<u8>, kind: u32, address: u64, bytes: &[u8]) {
    image.extend(address.to_le_bytes());
    image.extend(kind.to_le_bytes());
    image.extend((bytes.len() as u32).to_le_bytes());
    image.extend(bytes);
}
