//! The edges of each kind of object.

use super::super::decode::{Object, target, weak_target};
use super::super::layout::{NAMES_IN_TABLE, ObjectShape, scope, smi};
use super::Builder;
use super::columns::ImageEdge;
use crate::heap::graph::kind::{EdgeKind, NodeKind};

/// The types of objects that an embedder makes, in each version (`v8-internal.h`, `kFirstJSApiObjectType`).
const API_OBJECTS: std::ops::RangeInclusive<u16> = 0x422..=0x80a;
/// Where the map of maps of a context has that context.
const MAP_CONTEXT: u64 = 32;
/// The extension of a context; that of a native one is the global object.
pub const CONTEXT_EXTENSION: u64 = 32;
/// How deep arrays of constants are in one of bytecode.
const NESTED: u32 = 2;
/// More elements than come before those of each place where code may be deoptimized.
const DEOPTIMIZATION: usize = 16;
/// The type of a script that stands for a module of WebAssembly.
const SCRIPT_OF_WASM: i64 = 3;
/// Where code has its instructions.
const INSTRUCTIONS: u64 = 32;

impl Builder<'_> {
    fn see(&mut self, offset: u64) {
        if let Some(seen) = self.visited.get_mut((offset / 8) as usize) {
            *seen = true;
        }
    }

    /// Named internal edges of fields.
    fn fields(&mut self, object: Object, fields: &[(u64, &str)]) {
        for &(offset, name) in fields {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if target(word).is_some() {
                let name = self.heap.text(name);
                self.link(EdgeKind::Internal, name, word);
                self.see(offset);
            }
        }
    }

    /// A field that does not retain, whatever its tag.
    fn weak_field(&mut self, object: Object, from: u32, offset: u64, name: &str) {
        let word = self.heap.word(object.at + offset).unwrap_or(0);
        if let Some(to) = target(word) {
            let name = self.heap.text(name);
            self.weak_edge(from, name, to);
        }
        self.see(offset);
    }

    fn tag_fields(&mut self, object: Object, fields: &[(u64, &str)], kind: Option<NodeKind>) {
        for &(offset, name) in fields {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            self.tag(word, name, kind);
        }
    }

    /// Numbered edges of the words from an offset on.
    fn numbered(&mut self, object: Object, node: u32, from: u64) {
        for (index, offset) in (from..object.size).step_by(8).enumerate() {
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if let Some(to) = weak_target(word) {
                let name = self.heap.names.borrow_mut().index(index);
                self.weak_edge(node, name, to);
            } else if target(word).is_some() {
                let name = self.heap.names.borrow_mut().index(index);
                self.link(EdgeKind::Internal, name, word);
            }
            self.see(offset);
        }
    }

    /// Hidden edges of the words in a range that have none.
    fn rest(&mut self, object: Object, node: u32, from: u64, to: u64) {
        let mut index = 0;
        for offset in (from..to.min(object.size)).step_by(8) {
            if self.visited.get((offset / 8) as usize).copied().unwrap_or(false) {
                continue;
            }
            let word = self.heap.word(object.at + offset).unwrap_or(0);
            if let Some(to) = weak_target(word) {
                let name = self.heap.names.borrow_mut().index(index);
                self.weak_edge(node, name, to);
                index += 1;
            } else if target(word).is_some() {
                self.link(EdgeKind::Hidden, u32::try_from(index).unwrap_or(u32::MAX), word);
                index += 1;
            }
        }
    }

    pub(super) fn edges(&mut self, object: Object, node: u32) {
        const ALL: u64 = u64::MAX;
        let layout = self.heap.pages.layout;
        let words = usize::try_from((object.size / 8).min(1 << 32)).unwrap_or(0);
        self.visited.clear();
        self.visited.resize(words.min(1 << 16), false);
        let fields = &layout.fields;
        let (from, to) = match object.shape {
            ObjectShape::String => {
                match object.kind & 7 {
                    1 => self.fields(object, &[(16, "first"), (24, "second")]),
                    3 => self.fields(object, &[(16, "parent")]),
                    5 => self.fields(object, &[(16, "actual")]),
                    _ => {}
                }
                (0, 0)
            }
            ObjectShape::Symbol => {
                self.fields(object, &[(16, "name")]);
                (0, 0)
            }
            ObjectShape::Array if object.kind == layout.types.ephemerons => {
                self.ephemerons(object, node);
                (0, 0)
            }
            ObjectShape::Array
                if self.tables.contains(object.at) || self.caches.contains(&object.at) =>
            {
                (0, 0)
            }
            ObjectShape::Array if self.is_fixed_array(object) => {
                self.numbered(object, node, 16);
                (0, 0)
            }
            ObjectShape::WeakArray
                if self.heap.layout.name(object.kind) == Some("WeakFixedArray") =>
            {
                self.numbered(object, node, 16);
                (0, 0)
            }
            ObjectShape::WeakList => {
                self.numbered(object, node, 24);
                (8, 24)
            }
            ObjectShape::Descriptors => {
                let first = layout.headers.descriptors;
                self.fields(object, &[(first - 8, "enum_cache")]);
                self.numbered(object, node, first);
                (8, ALL)
            }
            ObjectShape::Context => {
                self.context(object);
                (16, ALL)
            }
            ObjectShape::NativeContext => {
                self.native_context(object, node);
                (16, object.size.saturating_sub(8))
            }
            ObjectShape::Map => {
                self.map(object, node);
                (24, ALL)
            }
            ObjectShape::SharedFunctionInfo => {
                self.shared(object);
                self.fields(object, fields.shared);
                (8, ALL)
            }
            ObjectShape::Script => {
                let is_wasm = self.heap.word(object.at + 48).map(smi) == Some(SCRIPT_OF_WASM);
                self.fields(
                    object,
                    &[(8, "source"), (16, "name"), (40, "context_data"), (56, "line_ends")],
                );
                let options = if layout.v8.0 < 14 { 128 } else { 136 };
                let tags = [(56, "(script line ends)"), (options, "(host-defined options)")];
                self.tag_fields(object, &tags, Some(NodeKind::Code));
                if !is_wasm {
                    let infos = [(88, "(shared function infos)")];
                    self.tag_fields(object, &infos, Some(NodeKind::Code));
                }
                (8, ALL)
            }
            ObjectShape::Accessors => {
                self.fields(object, &[(8, "getter"), (16, "setter")]);
                (8, ALL)
            }
            ObjectShape::Code => {
                self.code(object);
                (8, 40)
            }
            ObjectShape::InstructionStream => {
                self.instructions(object, node);
                (8, layout.headers.instructions.min(16))
            }
            ObjectShape::FeedbackVector => {
                for offset in (layout.headers.feedback_vector..object.size).step_by(8) {
                    let list = self.heap.field(object.at, offset).filter(|list| {
                        list.shape == ObjectShape::WeakArray || list.kind == self.heap.layout.array
                    });
                    if let Some(list) = list {
                        self.tag(list.at + 1, "(feedback)", Some(NodeKind::Code));
                    }
                }
                // Before it are counters.
                (24, ALL)
            }
            ObjectShape::ArrayBoilerplate => {
                self.fields(object, &[(16, "constant_elements")]);
                self.tag_fields(object, &[(16, "(constant elements)")], Some(NodeKind::Code));
                (8, ALL)
            }
            ObjectShape::RegExpBoilerplate => {
                self.tag_fields(object, &[(8, "(RegExp data)")], Some(NodeKind::Code));
                (8, ALL)
            }
            ObjectShape::ScopeInfo => {
                let parts = scope(self.heap.pages, object.at);
                if let Some(parts) = parts.filter(|parts| parts.locals >= NAMES_IN_TABLE) {
                    let table = [(8 * parts.names, "(context local names)")];
                    self.tag_fields(object, &table, Some(NodeKind::Code));
                }
                (8, ALL)
            }
            ObjectShape::FeedbackCell | ObjectShape::Cell => {
                if let Some(to) = self.heap.word(object.at + 8).and_then(weak_target) {
                    let name = self.heap.text("value");
                    self.weak_edge(node, name, to);
                    self.see(8);
                }
                self.fields(object, &[(8, "value")]);
                (8, ALL)
            }
            ObjectShape::Transitions => {
                // Objects that became prototypes, each with the map that it got.
                if let Some(list) = self.heap.field(object.at, 16)
                    && list.shape == ObjectShape::WeakArray
                {
                    self.tag(list.at + 1, "(prototype transitions)", Some(NodeKind::ObjectShape));
                }
                (8, ALL)
            }
            ObjectShape::PropertyCell => {
                self.fields(object, &[(24, "value"), (32, "dependent_code")]);
                self.tag_fields(object, &[(32, "(dependent code)")], None);
                (8, ALL)
            }
            ObjectShape::AllocationSite => {
                self.fields(
                    object,
                    &[(8, "transition_info"), (16, "nested_site"), (24, "dependent_code")],
                );
                self.tag_fields(object, &[(24, "(dependent code)")], Some(NodeKind::Code));
                // The next site of a list that does not retain.
                self.see(40);
                (8, ALL)
            }
            ObjectShape::Bytecode => {
                for &(offset, name) in fields.bytecode_tags {
                    if name == "(constant pool)"
                        && let Some(pool) = self.heap.field(object.at, offset)
                    {
                        self.constants(pool, NESTED);
                    }
                }
                for &(offset, name) in fields.bytecode_tags {
                    self.tag_fields(object, &[(offset, name)], Some(NodeKind::Code));
                }
                (8, fields.bytecode_end)
            }
            ObjectShape::PrototypeInfo => {
                for offset in [16, 24] {
                    let list = self.heap.field(object.at, offset);
                    if let Some(list) = list.filter(|list| list.shape == ObjectShape::WeakList) {
                        self.tag(list.at + 1, "(prototype users)", Some(NodeKind::ObjectShape));
                    }
                }
                (8, ALL)
            }
            ObjectShape::AccessorInfo => {
                let (name, data) = fields.accessor;
                self.fields(object, &[(name, "name"), (data, "data")]);
                (8, ALL)
            }
            ObjectShape::EnumCache => {
                self.tag_fields(
                    object,
                    &[(8, "(enum cache)"), (16, "(enum cache)")],
                    Some(NodeKind::ObjectShape),
                );
                (8, ALL)
            }
            ObjectShape::WeakCell => {
                let (to, token) = fields.weak_cell;
                self.weak_field(object, node, to, "target");
                self.weak_field(object, node, token, "unregister_token");
                (8, ALL)
            }
            ObjectShape::PreparseData => (object.size.saturating_sub(self.children(object)), ALL),
            ObjectShape::HeapNumber
            | ObjectShape::BigInt
            | ObjectShape::Bytes
            | ObjectShape::Doubles
            | ObjectShape::FeedbackMetadata
            | ObjectShape::FreeSpace
            | ObjectShape::Coverage
            | ObjectShape::DoubleStrings
            | ObjectShape::Pointers => (0, 0),
            ObjectShape::GlobalProxy => {
                self.global_proxy(object);
                (8, ALL)
            }
            ObjectShape::ArrayBuffer => {
                self.backing_store(object);
                (8, ALL)
            }
            _ if object.shape != ObjectShape::Proxy
                && self.heap.layout.is_receiver(object.kind) =>
            {
                self.receiver(object, node);
                (8, ALL)
            }
            _ => (8, ALL),
        };
        self.fields(object, &[(0, "map")]);
        self.rest(object, node, from, to);
    }

    /// Tags the arrays of constants in an array of constants, each once.
    fn constants(&mut self, pool: Object, depth: u32) {
        let is_new = pool.shape == ObjectShape::Array
            && self.reach(pool).is_some()
            && self.constants.insert(pool.at);
        if !is_new {
            return;
        }
        for offset in (16..pool.size).step_by(8) {
            let Some(inner) = self.heap.field(pool.at, offset) else { continue };
            let (by_name, by_number) = self.heap.pages.layout.types.dictionaries;
            let is_array = inner.kind == self.heap.layout.array;
            if is_array || inner.kind == by_name || inner.kind == by_number {
                self.tag(inner.at + 1, "(constant pool)", Some(NodeKind::Code));
            }
            if is_array && depth > 1 {
                self.constants(inner, depth - 1);
            }
        }
    }

    /// Tags of what the code of a function is made of.
    fn shared(&mut self, shared: Object) {
        let fields = &self.heap.pages.layout.fields;
        let has_streams = self.heap.pages.layout.headers.instructions > 16;
        if has_streams {
            self.tag(shared.at + 1, "(shared function info)", None);
        }
        let info = self.heap.field(shared.at, fields.shared_name);
        if let Some(info) = info.filter(|info| info.shape == ObjectShape::ScopeInfo) {
            self.tag(info.at + 1, "(function scope info)", None);
        }
        let code = self.heap.field(shared.at, fields.shared_data);
        let Some(code) = code.filter(|code| code.shape == ObjectShape::Code) else { return };
        let (of, in_stream) = match self.heap.debug_name(shared) {
            name if name.is_empty() => {
                ("(BASELINE code)".to_owned(), "(BASELINE instruction stream)".to_owned())
            }
            name => (format!("(code for {name})"), format!("(instruction stream for {name})")),
        };
        let stream = self.heap.word(code.at + INSTRUCTIONS).unwrap_or(0);
        if has_streams {
            self.tag(code.at + 1, &of, None);
            self.tag(stream, &in_stream, None);
        } else {
            self.tag(stream, &of, None);
        }
    }

    /// Code that has no instructions on the heap has hidden edges alone.
    fn code(&mut self, code: Object) {
        if self.heap.field(code.at, INSTRUCTIONS).is_none() {
            return;
        }
        let has_streams = self.heap.pages.layout.headers.instructions > 16;
        let fields = &self.heap.pages.layout.fields;
        let has_interpreted = self.heap.field(code.at, fields.code_data).is_some_and(|data| {
            data.shape == ObjectShape::Bytecode
                || self.heap.layout.name(data.kind) == Some("InterpreterData")
        });
        if has_interpreted {
            let at = fields.code_data;
            self.tag_fields(code, &[(at, "(interpreter data)")], None);
            self.tag_fields(code, &[(at + 8, "(bytecode offset table)")], Some(NodeKind::Code));
            self.fields(code, &[(at, "interpreter_data"), (at + 8, "bytecode_offset_table")]);
            if has_streams {
                self.fields(code, &[(INSTRUCTIONS, "instruction_stream")]);
            }
            let own = fields.code.iter().filter(|(_, name)| *name == "relocation_info");
            for &(offset, name) in own {
                self.tag_fields(code, &[(offset, "(code relocation info)")], Some(NodeKind::Code));
                self.fields(code, &[(offset, name)]);
            }
            return;
        }
        let data = self.heap.field(code.at, fields.code_data);
        let data = data.filter(|data| data.shape == ObjectShape::Array && data.size > 16);
        match data {
            Some(data) => self.deoptimization(data),
            // That of a regular expression.
            None if has_streams => {
                self.fields(code, &[(INSTRUCTIONS, "instruction_stream")]);
                return;
            }
            None => {}
        }
        self.tag_fields(code, fields.code_tags, Some(NodeKind::Code));
        self.fields(code, fields.code);
    }

    /// Tags of what optimized code is deoptimized with.
    fn deoptimization(&mut self, data: Object) {
        // V8 12 has constants in arrays of this type too, whose tag replaces the name.
        if self.heap.pages.layout.v8.0 == 12 {
            self.tag(data.at + 1, "system / TrustedFixedArray", Some(NodeKind::Code));
        }
        for offset in (16..data.size).step_by(8).take(DEOPTIMIZATION) {
            let inner = self.heap.field(data.at, offset);
            let is_list = |inner: &Object| {
                matches!(inner.shape, ObjectShape::WeakArray | ObjectShape::Bytes)
                    || self.is_fixed_array(*inner)
            };
            if let Some(inner) = inner.filter(is_list) {
                self.tag(inner.at + 1, "(code deopt data)", Some(NodeKind::Code));
            }
        }
    }

    /// The objects that machine code refers to are operands of the instruction that loads 64 bits.
    fn instructions(&mut self, stream: Object, node: u32) {
        let header = self.heap.pages.layout.headers.instructions;
        if header > 16 {
            self.fields(stream, &[(8, "code")]);
            self.tag_fields(stream, &[(8, "(code)")], Some(NodeKind::Code));
            self.fields(stream, &[(16, "relocation_info")]);
            self.tag_fields(stream, &[(16, "(code relocation info)")], Some(NodeKind::Code));
        }
        let data = self.heap.pages.layout.fields.code_data;
        let is_optimized = self
            .heap
            .field(stream.at, 8)
            .and_then(|code| self.heap.field(code.at, data))
            .is_some_and(|data| data.shape == ObjectShape::Array && data.size > 16);
        let mut index = 0;
        for word in self.heap.operands(stream.at + header, stream.at + stream.size) {
            let Some(object) = target(word).and_then(|at| self.heap.object(at)) else { continue };
            if is_optimized && self.heap.is_weak_in_code(object) {
                let name = self.heap.names.borrow_mut().index(index);
                self.weak_edge(node, name, object.at);
            } else {
                self.link(EdgeKind::Hidden, u32::try_from(index).unwrap_or(u32::MAX), word);
            }
            index += 1;
        }
    }

    /// Whether V8 numbers the elements: subclasses have hidden ones.
    fn is_fixed_array(&self, object: Object) -> bool {
        let arrays = self.heap.pages.layout.types.arrays;
        object.kind == self.heap.layout.array || (arrays.0..=arrays.1).contains(&object.kind)
    }

    /// The bytes of the references of a PreparseData.
    fn children(&self, object: Object) -> u64 {
        8 * (self.heap.word(object.at + 8).unwrap_or(0) >> 32)
    }

    fn ephemerons(&mut self, table: Object, node: u32) {
        for (index, key, value) in self.heap.ephemeron_words(table) {
            for (index, word) in [(index, key), (index + 1, value)] {
                if let Some(to) = target(word) {
                    let index = usize::try_from(index).unwrap_or(0);
                    let name = self.heap.names.borrow_mut().index(index);
                    self.weak_edge(node, name, to);
                }
            }
        }
        self.tables.add(table.at, node);
    }

    fn map(&mut self, map: Object, node: u32) {
        let word = |offset: u64| self.heap.word(map.at + offset).unwrap_or(0);
        let (transitions, owner) = (word(64), word(32));
        if let Some(to) = weak_target(transitions) {
            let name = self.heap.text("transition");
            self.weak_edge(node, name, to);
            self.see(64);
        } else if let Some(object) = target(transitions).and_then(|at| self.heap.object(at)) {
            let named = match object.shape {
                ObjectShape::Transitions => Some(("(transition array)", "transitions")),
                ObjectShape::Array => Some(("(transition)", "transition")),
                _ if self.heap.is_prototype_map(map.at) => {
                    Some(("prototype_info", "prototype_info"))
                }
                _ => None,
            };
            if let Some((tag, name)) = named {
                self.tag(transitions, tag, None);
                self.fields(map, &[(64, name)]);
            }
        }
        self.tag_fields(map, &[(40, "(map descriptors)")], None);
        self.fields(map, &[(40, "descriptors"), (24, "prototype")]);
        let kind = (self.heap.word(map.at + 8).unwrap_or(0) >> 32) as u16;
        let owner = target(owner).and_then(|at| self.heap.object(at)).map(|owner| owner.kind);
        let name = match owner {
            _ if matches!(
                self.heap.layout.shape(kind),
                ObjectShape::Context | ObjectShape::NativeContext
            ) || (kind == self.heap.layout.map && self.heap.pages.layout.v8.0 >= 12) =>
            {
                "native_context"
            }
            Some(owner) if owner == self.heap.layout.map => "back_pointer",
            Some(owner) if self.heap.layout.name(owner) == Some("FunctionTemplateInfo") => {
                "constructor_function_data"
            }
            _ => "constructor",
        };
        self.fields(map, &[(32, name), (48, "dependent_code")]);
        self.tag_fields(map, &[(48, "(dependent code)")], None);
        self.tag_fields(map, &[(56, "(prototype validity cell)")], Some(NodeKind::ObjectShape));
    }

    fn context(&mut self, object: Object) {
        for (slot, name) in self.heap.variables(object) {
            let word = self.heap.word(object.at + 16 + 8 * slot).unwrap_or(0);
            self.link(EdgeKind::Context, name, word);
            self.see(16 + 8 * slot);
        }
        self.fields(object, &[(16, "scope_info"), (24, "previous")]);
        let info = self.heap.field(object.at, 16);
        let info = info.filter(|info| info.shape == ObjectShape::ScopeInfo);
        let parts = info.and_then(|info| scope(self.heap.pages, info.at));
        if parts.is_some_and(|parts| parts.is_extended) {
            self.fields(object, &[(CONTEXT_EXTENSION, "extension")]);
        }
    }

    /// The last element of a native context is the next one of a list that does not retain; the word behind it is no
    /// reference.
    fn native_context(&mut self, context: Object, node: u32) {
        let extension =
            if self.heap.pages.layout.v8.0 < 14 { "extension" } else { "global_object" };
        let fields = [(16, "scope_info"), (24, "previous"), (CONTEXT_EXTENSION, extension)];
        self.fields(context, &fields);
        let last = context.size.saturating_sub(16);
        let named = std::mem::take(&mut self.native_context);
        let place = |slot: u64| 16 + 8 * slot;
        // A context of another size has other fields.
        if named.last().is_some_and(|&(slot, _)| place(slot) + 8 == last) {
            for &(slot, name) in &named {
                let tag = match name {
                    "normalized_map_cache" => Some("(context norm. map cache)"),
                    "embedder_data" => Some("(context data)"),
                    _ => None,
                };
                if let Some(tag) = tag {
                    self.tag_fields(context, &[(place(slot), tag)], None);
                }
                self.fields(context, &[(place(slot), name)]);
            }
        }
        self.native_context = named;
        self.weak_field(context, node, last, "next_context_link");
    }

    /// From V8 14 on the context of a proxy is that of its map, and V8 has shortcuts to it.
    fn global_proxy(&mut self, proxy: Object) {
        let layout = self.heap.pages.layout;
        if layout.v8.0 < 12 {
            self.fields(proxy, &[(layout.fields.embedder_header, "native_context")]);
        }
        if layout.v8.0 < 14 {
            return;
        }
        let of_map = self.heap.word(proxy.map).and_then(target);
        let context = of_map.and_then(|map| self.heap.field(map, MAP_CONTEXT));
        let Some(context) = context.filter(|of| of.shape == ObjectShape::NativeContext) else {
            return;
        };
        let global = self.heap.word(context.at + CONTEXT_EXTENSION).unwrap_or(0);
        for (name, word) in [("native_context", context.at + 1), ("global_object", global)] {
            let name = self.heap.text(name);
            self.link(EdgeKind::Shortcut, name, word);
        }
    }

    fn backing_store(&mut self, buffer: Object) {
        let fields = &self.heap.pages.layout.fields;
        let (length, store) = fields.array_buffer;
        let word = |offset: u64| self.heap.word(buffer.at + offset).unwrap_or(0);
        let (size, store) = (word(length), word(store));
        // A length that no memory has is damage.
        if store == 0 || size == 0 || size >= 1 << 40 {
            return;
        }
        let name = self.heap.text("system / JSArrayBufferData");
        let to = match self.stores.get(&store) {
            Some(&known) => known,
            None => {
                let Some(number) = self.node(NodeKind::Native, name, size, 0) else { return };
                self.stores.insert(store, number);
                number
            }
        };
        let name = self.heap.text("backing_store");
        self.graph.edge(ImageEdge { kind: EdgeKind::Internal, name, to });
    }

    /// The edges that V8 names of an object of JavaScript.
    fn receiver(&mut self, object: Object, node: u32) {
        let fields = &self.heap.pages.layout.fields;
        match object.shape {
            ObjectShape::Collection => self.fields(object, &[(24, "table")]),
            ObjectShape::WeakCollection => {
                if let Some(table) = self.heap.field(object.at, 24)
                    && let Some(node) = self.reach(table)
                {
                    self.tables.add(table.at, node);
                }
                self.fields(object, &[(24, "table")]);
            }
            ObjectShape::Promise => {
                self.fields(object, &[(24, "reactions_or_result")]);
            }
            ObjectShape::Generator => self.fields(
                object,
                &[
                    (24, "function"),
                    (32, "context"),
                    (40, "receiver"),
                    (72, "parameters_and_registers"),
                ],
            ),
            ObjectShape::WeakRef => self.weak_field(object, node, 24, "target"),
            _ => {}
        }
        self.properties(object);
        for (index, value) in self.heap.elements(object) {
            self.link(EdgeKind::Element, index, value);
        }
        if API_OBJECTS.contains(&object.kind) {
            let first = fields.embedder_header;
            // Properties in the object begin behind the fields of the embedder.
            let end = 8 * (self.heap.word(object.map + 8).unwrap_or(0) >> 8 & 0xff);
            for (index, offset) in (first..end.min(object.size)).step_by(8).enumerate() {
                self.fields(object, &[(offset, &index.to_string())]);
            }
        }
        let prototype = self.heap.word(object.map + 24).unwrap_or(0);
        let name = self.heap.text("__proto__");
        self.link(EdgeKind::Property, name, prototype);
        match object.shape {
            ObjectShape::BoundFunction => self.bound(object),
            ObjectShape::Function => self.function(object),
            ObjectShape::GlobalObject => {
                let mut at = fields.embedder_header;
                if self.heap.pages.layout.v8.0 < 12 {
                    self.fields(object, &[(at, "native_context")]);
                    at += 8;
                }
                self.fields(object, &[(at, "global_proxy")]);
            }
            ObjectShape::ArrayBufferView => {
                self.fields(object, &[(fields.embedder_header, "buffer")]);
            }
            _ => {}
        }
        let inner = [(8, "(object properties)"), (16, "(object elements)")];
        self.tag_fields(object, &inner, None);
        self.fields(object, &[(8, "properties"), (16, "elements")]);
    }

    fn properties(&mut self, object: Object) {
        for property in self.heap.properties(object) {
            let is_named = property.name != self.empty;
            let kind = if is_named { EdgeKind::Property } else { EdgeKind::Internal };
            if property.is_accessor {
                let pair = target(property.value)
                    .and_then(|at| self.heap.object(at))
                    .filter(|pair| pair.shape == ObjectShape::Accessors);
                let Some(pair) = pair else { continue };
                self.link(kind, property.name, property.value);
                let name = self.heap.names.borrow().get(property.name).to_owned();
                for (offset, of) in [(8, "get"), (16, "set")] {
                    let Some(function) = self.heap.field(pair.at, offset) else { continue };
                    if function.shape != ObjectShape::Oddball {
                        let is_symbol = name.starts_with("<symbol");
                        let name = match is_symbol {
                            true => property.name,
                            false => self.heap.text(&format!("{of} {name}")),
                        };
                        self.link(EdgeKind::Property, name, function.at + 1);
                    }
                }
            } else {
                self.link(kind, property.name, property.value);
            }
            if let Some(offset) = property.offset {
                self.see(offset);
            }
        }
    }

    fn function(&mut self, function: Object) {
        let fields = &self.heap.pages.layout.fields;
        if function.size > 56 && self.heap.has_prototype_slot(function.map) {
            let word = self.heap.word(function.at + 56).unwrap_or(0);
            let name = self.heap.text("prototype");
            match self.heap.field(function.at, 56) {
                Some(map) if map.shape == ObjectShape::Map => {
                    let prototype = self.heap.word(map.at + 24).unwrap_or(0);
                    self.link(EdgeKind::Property, name, prototype);
                    self.fields(function, &[(56, "initial_map")]);
                }
                Some(value) if value.shape != ObjectShape::Oddball => {
                    self.link(EdgeKind::Property, name, word);
                    self.see(56);
                }
                _ => {}
            }
        }
        self.tag_fields(function, fields.function_tags, None);
        self.fields(function, fields.function);
        if self.heap.pages.layout.dispatch_table.is_some() {
            let handle = self.heap.word(function.at + 24).unwrap_or(0) & 0xffff_ffff;
            if let Some(code) = self.heap.pages.dispatched(handle) {
                let name = self.heap.text("code");
                self.link(EdgeKind::Internal, name, code + 1);
            }
            self.see(24);
        }
    }

    fn bound(&mut self, function: Object) {
        self.tag_fields(function, &[(40, "(bound arguments)")], None);
        self.fields(function, &[(40, "bindings"), (32, "bound_this"), (24, "bound_function")]);
        let Some(arguments) =
            self.heap.field(function.at, 40).filter(|list| list.shape == ObjectShape::Array)
        else {
            return;
        };
        for index in 0..arguments.size.saturating_sub(16) / 8 {
            let word = self.heap.word(arguments.at + 16 + 8 * index).unwrap_or(0);
            if target(word).is_some() {
                let name = self.heap.text(&format!("bound_argument_{index}"));
                self.link(EdgeKind::Shortcut, name, word);
            }
        }
    }
}
