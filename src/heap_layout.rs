//! What V8's postmortem constants do not tell of its heap, by version: one table, which the writer and the reader of
//! heap images share.
//!
//! All figures hold for x64 without pointer compression. Offsets are bytes from the start of an object, words have 8
//! bytes.

#![allow(missing_docs, reason = "fields are named as V8 names them")]

/// The facts of one version of V8.
#[derive(Debug)]
pub struct HeapLayout {
    /// Major and minor version of V8.
    pub v8: (u32, u32),
    /// The major version of Node that has it.
    pub node: u32,
    /// Postmortem constants and the values that this table was made with. An executable that differs gets no image.
    pub constants: &'static [(&'static str, i32)],
    pub page: PageHeader,
    pub types: TypeNumbers,
    pub fields: Fields,
    pub headers: Headers,
    pub scope: ScopeFacts,
    /// The bits of a symbol's flags of which a private one has some.
    pub private_symbol: u64,
    /// The types that have no constant, by number.
    pub unnamed: &'static [(u16, &'static str)],
    /// Where the isolate has the address of the table that functions have their code from; without it, they refer to
    /// it themselves.
    pub dispatch_table: Option<usize>,
    /// The bit of a symbol's flags for names of private members.
    pub private_name: u64,
    /// Whether V8's snapshots count the wrappers of code and of bytecode as code.
    pub are_wrappers_code: bool,
    /// Whether they have nodes for the values that stand for nothing.
    pub are_holes_nodes: bool,
    /// Whether they count objects of the read-only heap with 0 bytes.
    pub are_constants_free: bool,
    /// Whether they count the characters of strings that are not on the heap.
    pub are_texts_counted: bool,
    /// Whether they name a class by the property `name` of its constructor, if that is a string.
    pub are_names_properties: bool,
}

/// The header of a page: numbers of words.
#[derive(Debug)]
pub struct PageHeader {
    /// Of the page.
    pub flags: usize,
    /// The word of the page that refers to the block with the other words; without it the page itself has them.
    pub metadata: Option<usize>,
    pub size: usize,
    pub heap: usize,
    /// Where the objects begin and end.
    pub start: usize,
    pub end: usize,
}

/// Instance types without a constant.
#[derive(Debug)]
pub struct TypeNumbers {
    /// `FixedArray` and its subclasses: first and last.
    pub arrays: (u16, u16),
    pub contexts: (u16, u16),
    pub native_context: u16,
    pub functions: (u16, u16),
    pub generator: u16,
    pub big_int: u16,
    pub transition_array: u16,
    pub feedback_metadata: u16,
    pub free_space: u16,
    pub filler: u16,
    /// Tables whose entries retain a value as long as its key lives.
    pub ephemerons: u16,
    /// Of properties by name, and of elements by number.
    pub dictionaries: (u16, u16),
    /// Values that stand for nothing, where they are no oddballs.
    pub hole: Option<u16>,
}

/// Offsets of fields.
#[derive(Debug)]
pub struct Fields {
    pub function: &'static [(u64, &'static str)],
    pub function_shared: u64,
    pub shared: &'static [(u64, &'static str)],
    pub shared_data: u64,
    pub shared_name: u64,
    pub shared_script: u64,
    /// Names of what fields refer to, where it has none.
    pub function_tags: &'static [(u64, &'static str)],
    pub bytecode_tags: &'static [(u64, &'static str)],
    /// Where the references of a `BytecodeArray` end.
    pub bytecode_end: u64,
    pub code: &'static [(u64, &'static str)],
    /// Where code has what it is deoptimized with, or the bytecode that it was made from.
    pub code_data: u64,
    pub code_tags: &'static [(u64, &'static str)],
    /// The bytes of the header of an object that may have fields of an embedder.
    pub embedder_header: u64,
    /// Length and backing store of a `JSArrayBuffer`.
    pub array_buffer: (u64, u64),
    /// Name and data of an `AccessorInfo`.
    pub accessor: (u64, u64),
    /// The target of a `WeakCell`, and the token that ends its registration.
    pub weak_cell: (u64, u64),
}

/// Bytes before the elements of an object.
#[derive(Debug)]
pub struct Headers {
    pub array_list: u64,
    pub boilerplate: u64,
    pub bytecode: u64,
    pub descriptors: u64,
    pub feedback_vector: u64,
    pub regexp_match: u64,
    pub script_contexts: u64,
    pub instructions: u64,
    /// Where an instruction stream has the length of its code; without it, only its `Code` has it.
    pub instructions_length: Option<u64>,
    /// Where a `Code` without length in its instruction stream has the length.
    pub code_length: u64,
    /// The unit of the size of free space.
    pub free_space_unit: u64,
    /// Bytes of `FeedbackMetadata` for each slot of a closure.
    pub closure_slot: u64,
    /// Header and entry of a `WasmDispatchTable`, where there is one.
    pub wasm_table: Option<(u64, u64)>,
    /// Where a `WasmTypeInfo` has the number of its supertypes, which are its last words.
    pub wasm_supertypes: Option<u64>,
}

/// How a `ScopeInfo` is built. Positions are words.
#[derive(Debug)]
pub struct ScopeFacts {
    /// Whether the flags are a small integer, not 32 bits.
    pub has_smi_flags: bool,
    /// The first name of a local, after the number of variables of a module where that comes first.
    pub names: u64,
    pub module_kind: u64,
    /// Whether the number of a module's variables is before the names.
    pub is_module_count_first: bool,
    /// The word of the position; without it, it follows the inferred name in the kinds of [`Self::positioned`].
    pub position: Option<u64>,
    /// A bit for each kind.
    pub positioned: u64,
    /// The flag of an empty one, which has 4 words.
    pub empty: Option<u32>,
    /// The flag of the last optional word.
    pub last: u32,
    /// The kind that has one word more.
    pub longer_kind: Option<u64>,
}

/// What all versions have in common.
pub const COMMON: &[(&str, i32)] = &[
    ("TaggedSize", 8),
    ("SmiShiftSize", 31),
    ("HeapObjectTag", 1),
    ("HeapObjectTagMask", 3),
    ("bit_field3_is_dictionary_map_shift", 21),
    ("bit_field3_number_of_own_descriptors_shift", 10),
    ("prop_index_shift", 19),
    ("prop_location_shift", 5),
    ("class_Map__instance_size_in_words__char", 8),
    ("class_Map__instance_type__uint16_t", 12),
    ("class_Map__bit_field3__int", 16),
    ("class_Map__instance_descriptors_offset", 40),
    ("class_Script__source__Object", 8),
    ("class_Script__name__Object", 16),
    ("class_Script__line_ends__Object", 56),
    ("class_JSRegExp__source__Object", 32),
    ("namedictionary_prefix_start_index", 3),
    ("namedictionaryshape_prefix_size", 3),
];

/// One row for each version.
pub const LAYOUTS: &[HeapLayout] = &[V8_11_3, V8_12_4, V8_13_6, V8_14_6];

/// The layout of a version.
///
/// # Errors
/// The reason, where the version is not known.
pub fn of(v8: (u32, u32)) -> Result<&'static HeapLayout, String> {
    LAYOUTS.iter().find(|layout| layout.v8 == v8).ok_or_else(|| {
        let known = |layout: &HeapLayout| {
            let (major, minor) = layout.v8;
            format!("{major}.{minor} (Node {})", layout.node)
        };
        let known = LAYOUTS.iter().map(known).collect::<Vec<_>>().join(", ");
        format!("the layout of V8 {}.{} is not known; known are {known}", v8.0, v8.1)
    })
}

const FUNCTION_KINDS_WITH_POSITION: u64 = 0b1_0001_1111;

const V8_11_3: HeapLayout = HeapLayout {
    v8: (11, 3),
    node: 20,
    constants: &[
        ("FirstContextType", 205),
        ("LastContextType", 214),
        ("class_JSFunction__shared__SharedFunctionInfo", 24),
        ("class_JSFunction__context__Context", 32),
        ("class_SharedFunctionInfo__name_or_scope_info__Object", 16),
        ("class_SharedFunctionInfo__script_or_debug_info__HeapObject", 32),
        ("class_Map__constructor_or_back_pointer__Object", 32),
        ("class_BytecodeArray__data__uintptr_t", 54),
        ("class_DescriptorArray__header_size__uintptr_t", 24),
        ("class_InstructionStream__instruction_start__uintptr_t", 16),
        ("scopeinfo_idx_first_vars", 3),
    ],
    page: PageHeader { flags: 1, metadata: None, size: 0, heap: 2, start: 3, end: 4 },
    types: TypeNumbers {
        arrays: (175, 189),
        contexts: (205, 214),
        native_context: 212,
        functions: (2066, 2081),
        generator: 2105,
        big_int: 129,
        transition_array: 241,
        feedback_metadata: 248,
        free_space: 251,
        filler: 250,
        ephemerons: 177,
        dictionaries: (179, 181),
        hole: None,
    },
    fields: Fields {
        function: &[(24, "shared"), (32, "context"), (40, "feedback_cell"), (48, "code")],
        function_shared: 24,
        shared: &[
            (8, "function_data"),
            (16, "name_or_scope_info"),
            (24, "raw_outer_scope_info_or_feedback_metadata"),
            (32, "script_or_debug_info"),
        ],
        shared_data: 8,
        shared_name: 16,
        shared_script: 32,
        function_tags: &[
            (40, "(function feedback cell)"),
            (24, "(shared function info)"),
            (32, "(context)"),
        ],
        bytecode_tags: &[
            (16, "(constant pool)"),
            (24, "(handler table)"),
            (32, "(source position table)"),
        ],
        bytecode_end: 40,
        code: &[(8, "relocation_info"), (16, "deoptimization_data"), (24, "source_position_table")],
        code_data: 16,
        code_tags: &[
            (8, "(code relocation info)"),
            (16, "(code deopt data)"),
            (24, "(source position table)"),
        ],
        embedder_header: 24,
        array_buffer: (32, 48),
        accessor: (8, 16),
        weak_cell: (16, 24),
    },
    headers: Headers {
        array_list: 16,
        boilerplate: 16,
        bytecode: 54,
        descriptors: 24,
        feedback_vector: 56,
        regexp_match: 16,
        script_contexts: 16,
        instructions: 16,
        instructions_length: None,
        code_length: 56,
        free_space_unit: 1,
        closure_slot: 0,
        wasm_table: None,
        wasm_supertypes: None,
    },
    scope: ScopeFacts {
        has_smi_flags: true,
        names: 4,
        module_kind: 3,
        is_module_count_first: false,
        position: None,
        positioned: FUNCTION_KINDS_WITH_POSITION,
        empty: Some(29),
        last: 28,
        longer_kind: None,
    },
    private_symbol: 1,
    unnamed: &[
        (137, "LoadHandler"),
        (138, "StoreHandler"),
        (187, "ClosureFeedbackCellArray"),
        (188, "ObjectBoilerplateDescription"),
    ],
    dispatch_table: None,
    private_name: 16,
    are_wrappers_code: false,
    are_holes_nodes: false,
    are_constants_free: false,
    are_texts_counted: false,
    are_names_properties: false,
};

const V8_12_4: HeapLayout = HeapLayout {
    v8: (12, 4),
    node: 22,
    constants: &[
        ("FirstContextType", 190),
        ("LastContextType", 199),
        ("FirstJSFunctionType", 2066),
        ("LastJSFunctionType", 2082),
        ("class_JSFunction__shared__SharedFunctionInfo", 32),
        ("class_JSFunction__context__Context", 40),
        ("class_SharedFunctionInfo__name_or_scope_info__Tagged_Object_", 16),
        ("class_SharedFunctionInfo__script__Tagged_HeapObject_", 32),
        ("class_Map__constructor_or_back_pointer__Tagged_Object_", 32),
        ("class_BytecodeArray__data__uintptr_t", 64),
        ("class_DescriptorArray__header_size__uintptr_t", 24),
        ("class_InstructionStream__instruction_start__uintptr_t", 32),
        ("scopeinfo_idx_first_vars", 3),
    ],
    page: PageHeader { flags: 0, metadata: None, size: 2, heap: 3, start: 4, end: 5 },
    types: TypeNumbers {
        arrays: (174, 185),
        contexts: (190, 199),
        native_context: 197,
        functions: (2066, 2082),
        generator: 2107,
        big_int: 129,
        transition_array: 248,
        feedback_metadata: 257,
        free_space: 260,
        filler: 259,
        ephemerons: 176,
        dictionaries: (178, 180),
        hole: Some(261),
    },
    fields: Fields {
        function: FUNCTION,
        function_shared: 32,
        shared: &[
            (8, "function_data"),
            (16, "name_or_scope_info"),
            (24, "raw_outer_scope_info_or_feedback_metadata"),
            (32, "script"),
        ],
        shared_data: 8,
        shared_name: 16,
        shared_script: 32,
        function_tags: FUNCTION_TAGS,
        bytecode_tags: BYTECODE_TAGS,
        bytecode_end: 48,
        code: CODE,
        code_data: 8,
        code_tags: CODE_TAGS,
        embedder_header: 24,
        array_buffer: (32, 48),
        accessor: (8, 16),
        weak_cell: (16, 24),
    },
    headers: Headers {
        array_list: 24,
        boilerplate: 32,
        bytecode: 64,
        descriptors: 24,
        feedback_vector: 56,
        regexp_match: 40,
        script_contexts: 32,
        instructions: 32,
        instructions_length: Some(24),
        code_length: 52,
        free_space_unit: 1,
        closure_slot: 0,
        wasm_table: Some((16, 24)),
        wasm_supertypes: Some(32),
    },
    scope: ScopeFacts {
        has_smi_flags: true,
        names: 4,
        module_kind: 3,
        is_module_count_first: true,
        position: None,
        positioned: FUNCTION_KINDS_WITH_POSITION,
        empty: Some(29),
        last: 28,
        longer_kind: None,
    },
    private_symbol: 1,
    unnamed: &[
        (137, "LoadHandler"),
        (138, "StoreHandler"),
        (209, "WasmTrustedInstanceData"),
        (214, "WasmDispatchTable"),
    ],
    dispatch_table: None,
    private_name: 16,
    are_wrappers_code: false,
    are_holes_nodes: true,
    are_constants_free: false,
    are_texts_counted: false,
    are_names_properties: false,
};

const V8_13_6: HeapLayout = HeapLayout {
    v8: (13, 6),
    node: 24,
    constants: &[
        ("FirstContextType", 220),
        ("LastContextType", 229),
        ("FirstJSFunctionType", 2065),
        ("LastJSFunctionType", 2081),
        ("class_JSFunction__shared__SharedFunctionInfo", 32),
        ("class_JSFunction__context__Context", 40),
        ("class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_", 24),
        ("class_SharedFunctionInfo__script__Tagged_HeapObject_", 40),
        ("class_Map__constructor_or_back_pointer__Tagged_Object_", 32),
        ("class_BytecodeArray__data__uintptr_t", 64),
        ("class_DescriptorArray__header_size__uintptr_t", 24),
        ("class_InstructionStream__instruction_start__uintptr_t", 32),
        ("scopeinfo_idx_first_vars", 5),
    ],
    page: WITH_METADATA,
    types: TypeNumbers {
        arrays: (205, 216),
        contexts: (220, 229),
        native_context: 227,
        functions: (2065, 2081),
        generator: 2109,
        big_int: 129,
        transition_array: 257,
        feedback_metadata: 265,
        free_space: 268,
        filler: 267,
        ephemerons: 207,
        dictionaries: (209, 211),
        hole: Some(269),
    },
    fields: Fields {
        function: DISPATCHED,
        function_shared: 32,
        shared: SHARED,
        shared_data: 8,
        shared_name: 24,
        shared_script: 40,
        function_tags: FUNCTION_TAGS,
        bytecode_tags: BYTECODE_TAGS,
        bytecode_end: 48,
        code: CODE,
        code_data: 8,
        code_tags: CODE_TAGS,
        embedder_header: 32,
        array_buffer: (40, 56),
        accessor: (8, 16),
        weak_cell: (16, 24),
    },
    headers: Headers {
        array_list: 24,
        boilerplate: 32,
        bytecode: 64,
        descriptors: 24,
        feedback_vector: 48,
        regexp_match: 40,
        script_contexts: 32,
        instructions: 32,
        instructions_length: Some(24),
        code_length: 56,
        free_space_unit: 8,
        closure_slot: 2,
        wasm_table: Some((40, 24)),
        wasm_supertypes: Some(16),
    },
    scope: ScopeFacts {
        has_smi_flags: false,
        names: 6,
        module_kind: 5,
        is_module_count_first: true,
        position: Some(4),
        positioned: 0,
        empty: None,
        last: 4,
        longer_kind: None,
    },
    private_symbol: 1,
    unnamed: &[
        (137, "LoadHandler"),
        (138, "StoreHandler"),
        (189, "WasmDispatchTable"),
        (191, "WasmTrustedInstanceData"),
    ],
    dispatch_table: Some(0x2f58),
    private_name: 16,
    are_wrappers_code: true,
    are_holes_nodes: true,
    are_constants_free: true,
    are_texts_counted: true,
    are_names_properties: false,
};

const V8_14_6: HeapLayout = HeapLayout {
    v8: (14, 6),
    node: 26,
    constants: &[
        ("FirstContextType", 221),
        ("LastContextType", 230),
        ("FirstJSFunctionType", 2066),
        ("LastJSFunctionType", 2082),
        ("class_JSFunction__shared__SharedFunctionInfo", 32),
        ("class_JSFunction__context__Context", 40),
        ("class_SharedFunctionInfo__name_or_scope_info__Tagged_NameOrScopeInfoT_", 24),
        ("class_SharedFunctionInfo__script__Tagged_HeapObject_", 40),
        ("class_Map__constructor_or_back_pointer__Tagged_Object_", 32),
        ("class_BytecodeArray__data__uintptr_t", 64),
        ("class_DescriptorArray__header_size__uintptr_t", 32),
        ("class_InstructionStream__instruction_start__uintptr_t", 32),
        ("scopeinfo_idx_first_vars", 5),
    ],
    page: WITH_METADATA,
    types: TypeNumbers {
        arrays: (205, 217),
        contexts: (221, 230),
        native_context: 228,
        functions: (2066, 2082),
        generator: 2111,
        big_int: 129,
        transition_array: 259,
        feedback_metadata: 270,
        free_space: 273,
        filler: 272,
        ephemerons: 207,
        dictionaries: (209, 211),
        hole: Some(274),
    },
    fields: Fields {
        function: DISPATCHED,
        function_shared: 32,
        shared: SHARED,
        shared_data: 8,
        shared_name: 24,
        shared_script: 40,
        function_tags: FUNCTION_TAGS,
        bytecode_tags: BYTECODE_TAGS,
        bytecode_end: 48,
        code: CODE,
        code_data: 8,
        code_tags: CODE_TAGS,
        embedder_header: 32,
        array_buffer: (40, 56),
        accessor: (16, 8),
        weak_cell: (24, 32),
    },
    headers: Headers {
        array_list: 24,
        boilerplate: 32,
        bytecode: 64,
        descriptors: 32,
        feedback_vector: 48,
        regexp_match: 40,
        script_contexts: 32,
        instructions: 32,
        instructions_length: Some(24),
        code_length: 56,
        free_space_unit: 8,
        closure_slot: 2,
        wasm_table: Some((40, 16)),
        wasm_supertypes: Some(16),
    },
    scope: ScopeFacts {
        has_smi_flags: false,
        names: 6,
        module_kind: 5,
        is_module_count_first: true,
        position: Some(4),
        positioned: 0,
        empty: None,
        last: 4,
        longer_kind: Some(4),
    },
    private_symbol: 3,
    unnamed: &[
        (137, "LoadHandler"),
        (138, "StoreHandler"),
        (188, "WasmDispatchTable"),
        (191, "WasmTrustedInstanceData"),
        (200, "WasmDispatchTableForImports"),
    ],
    dispatch_table: Some(0x268),
    private_name: 2,
    are_wrappers_code: true,
    are_holes_nodes: false,
    are_constants_free: true,
    are_texts_counted: true,
    are_names_properties: true,
};

/// From V8 13 on.
const WITH_METADATA: PageHeader =
    PageHeader { flags: 0, metadata: Some(1), size: 6, heap: 8, start: 9, end: 7 };
/// From V8 12 on.
const FUNCTION: &[(u64, &str)] =
    &[(24, "code"), (32, "shared"), (40, "context"), (48, "feedback_cell")];
/// From V8 13 on.
const DISPATCHED: &[(u64, &str)] = &[(32, "shared"), (40, "context"), (48, "feedback_cell")];
const FUNCTION_TAGS: &[(u64, &str)] =
    &[(48, "(function feedback cell)"), (32, "(shared function info)"), (40, "(context)")];
const BYTECODE_TAGS: &[(u64, &str)] =
    &[(40, "(constant pool)"), (32, "(handler table)"), (24, "(source position table)")];
const CODE_TAGS: &[(u64, &str)] = &[(8, "(code deopt data)"), (16, "(source position table)")];
const CODE: &[(u64, &str)] =
    &[(8, "deoptimization_data"), (16, "source_position_table"), (32, "instruction_stream")];
/// From V8 13 on.
const SHARED: &[(u64, &str)] = &[
    (8, "trusted_function_data"),
    (16, "untrusted_function_data"),
    (24, "name_or_scope_info"),
    (32, "raw_outer_scope_info_or_feedback_metadata"),
    (40, "script"),
];
