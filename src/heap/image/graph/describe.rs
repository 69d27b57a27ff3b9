//! Types and names of nodes, by the rules of V8's snapshots.

use super::super::decode::{Object, target};
use super::super::layout::ObjectShape;
use super::super::pages::Pages;
use super::{Builder, NOT_INTERNALIZED};
use crate::heap::graph::kind::NodeKind;

/// The longest string that becomes a name.
const STRING: usize = 1024;

/// Internal types that V8's snapshots count as code.
const CODE: &[&str] = &[
    "AllocationSite",
    "ArrayBoilerplateDescription",
    "BytecodeArray",
    "ClosureFeedbackCellArray",
    "FeedbackCell",
    "FeedbackMetadata",
    "FeedbackVector",
    "InterpreterData",
    "LoadHandler",
    "ObjectBoilerplateDescription",
    "PreparseData",
    "RegExpBoilerplateDescription",
    "ScopeInfo",
    "StoreHandler",
    "TemplateObjectDescription",
    "UncompiledDataWithPreparseDataAndJob",
    "UncompiledDataWithPreparseData",
    "UncompiledDataWithoutPreparseDataWithJob",
    "UncompiledDataWithoutPreparseData",
];

impl Builder<'_> {
    pub(super) fn describe(&self, object: Object) -> (NodeKind, u32) {
        let heap = &self.heap;
        let string = |object: Option<Object>| {
            let string = object.filter(|string| string.shape == ObjectShape::String);
            string.map_or(self.empty, |string| heap.text(&heap.string(string, STRING)))
        };
        match object.shape {
            ObjectShape::String => match object.kind & 7 {
                1 => (NodeKind::ConsString, heap.text("(concatenated string)")),
                3 => (NodeKind::SlicedString, heap.text("(sliced string)")),
                _ => (NodeKind::String, string(Some(object))),
            },
            ObjectShape::Context => (NodeKind::Object, heap.text("system / Context")),
            ObjectShape::NativeContext => (NodeKind::Hidden, heap.text("system / NativeContext")),
            ObjectShape::HeapNumber => (NodeKind::Number, heap.text("heap number")),
            ObjectShape::BigInt => (NodeKind::BigInt, heap.text("bigint")),
            ObjectShape::Symbol if heap.is_private(object) => {
                (NodeKind::Hidden, heap.text("private symbol"))
            }
            ObjectShape::Symbol => (NodeKind::Symbol, heap.text("symbol")),
            ObjectShape::Function => (NodeKind::Closure, heap.text(&heap.function_name(object))),
            ObjectShape::BoundFunction => (NodeKind::Closure, heap.text("native_bind")),
            ObjectShape::SharedFunctionInfo => {
                (NodeKind::Code, heap.text(&heap.shared_name(object)))
            }
            ObjectShape::Script => (NodeKind::Code, string(heap.field(object.at, 16))),
            ObjectShape::RegExp => (NodeKind::RegExp, string(heap.field(object.at, 32))),
            ObjectShape::Code => (NodeKind::Code, self.builtin(object)),
            ObjectShape::InstructionStream => (NodeKind::Code, self.empty),
            ObjectShape::Map if heap.pages.is_constant(object.at) => {
                let kind = (heap.word(object.at + 8).unwrap_or(0) >> 32) as u16;
                let name = match heap.layout.shape(kind) {
                    ObjectShape::String => {
                        format!("system / Map ({})", string_type(kind, heap.pages.layout.v8.0))
                    }
                    _ => "system / Map".to_owned(),
                };
                (NodeKind::Hidden, heap.text(&name))
            }
            // Its text, as `undefined`.
            ObjectShape::Oddball
                if heap.pages.layout.v8.0 >= 13
                    && Some(object.kind) != heap.pages.layout.types.hole =>
            {
                (NodeKind::Hidden, string(heap.field(object.at, 16)))
            }
            ObjectShape::Map => (NodeKind::ObjectShape, heap.text("system / Map")),
            ObjectShape::Descriptors => {
                (NodeKind::ObjectShape, heap.text("system / DescriptorArray"))
            }
            ObjectShape::Transitions => {
                (NodeKind::ObjectShape, heap.text("system / TransitionArray"))
            }
            ObjectShape::Proxy => (NodeKind::Hidden, heap.text("system / JSProxy")),
            ObjectShape::PrototypeInfo => {
                (NodeKind::ObjectShape, heap.text("system / PrototypeInfo"))
            }
            ObjectShape::EnumCache => (NodeKind::ObjectShape, heap.text("system / EnumCache")),
            ObjectShape::FeedbackMetadata => {
                (NodeKind::Code, heap.text("system / FeedbackMetadata"))
            }
            ObjectShape::GlobalObject | ObjectShape::GlobalProxy
                if heap.pages.layout.v8.0 >= 14 =>
            {
                let is_proxy = object.shape == ObjectShape::GlobalProxy;
                let class = heap.class(object).name;
                let class = heap.names.borrow().get(class).to_owned();
                let mark = if is_proxy { "(global)" } else { "(global*)" };
                (NodeKind::Object, heap.text(&format!("{class} {mark}")))
            }
            _ if heap.layout.is_receiver(object.kind) => {
                (NodeKind::Object, heap.class(object).name)
            }
            _ => self.internal(object.kind),
        }
    }

    /// The name of the code of a builtin; other code has its name from the function.
    fn builtin(&self, code: Object) -> u32 {
        let Some(name) = self.builtins.get(&code.at) else { return self.empty };
        let what = if self.heap.pages.layout.v8.0 < 12 { "handle" } else { "code" };
        self.heap.text(&format!("({name} builtin {what})"))
    }

    /// Type and name of an object that only V8 knows.
    fn internal(&self, kind: u16) -> (NodeKind, u32) {
        let (heap, arrays) = (&self.heap, self.heap.pages.layout.types.arrays);
        let name = heap.layout.name(kind).unwrap_or("Internal");
        let layout = heap.pages.layout;
        let is_code = CODE.contains(&name)
            || (layout.are_wrappers_code && matches!(name, "BytecodeWrapper" | "CodeWrapper"));
        if (arrays.0..=arrays.1).contains(&kind)
            || matches!(name, "FixedArray" | "FixedDoubleArray" | "ByteArray" | "TrustedFixedArray")
        {
            return (if is_code { NodeKind::Code } else { NodeKind::Array }, self.empty);
        }
        let of = if is_code { NodeKind::Code } else { NodeKind::Hidden };
        (of, heap.text(&format!("system / {name}")))
    }

    /// Gives a name to what has none, and a type.
    pub(super) fn tag(&mut self, word: u64, name: &str, kind: Option<NodeKind>) {
        let Some(object) = target(word).and_then(|at| self.heap.object(at)) else { return };
        if self.is_trivial(object) {
            return;
        }
        let Some(number) = self.reach(object) else { return };
        let name = self.heap.text(name);
        let empty = self.empty;
        let number = number as usize;
        if self.graph.names.get(number) == Some(&empty) {
            self.graph.names[number] = name;
        }
        if let (Some(of), Some(kind)) = (self.graph.kinds.get_mut(number), kind) {
            *of = kind;
        }
    }

    /// V8's own constants, which V8's snapshots have no edges to.
    pub(super) fn is_trivial(&self, object: Object) -> bool {
        match object.shape {
            ObjectShape::Oddball => {
                let Pages { layout, .. } = self.heap.pages;
                !layout.are_holes_nodes
                    || layout.types.hole != Some(object.kind)
                    || object.at == self.the_hole
            }
            ObjectShape::Array | ObjectShape::WeakArray | ObjectShape::Bytes => {
                object.size == 16
                    && self.heap.layout.empty.contains(&object.kind)
                    && self.heap.pages.is_constant(object.at)
            }
            ObjectShape::Descriptors => {
                object.size == self.heap.pages.layout.headers.descriptors
                    && self.heap.pages.is_constant(object.at)
            }
            ObjectShape::Map if self.heap.pages.is_constant(object.at) => {
                let kind = (self.heap.word(object.at + 8).unwrap_or(0) >> 32) as u16;
                let types = &self.heap.pages.layout.types;
                kind == types.free_space
                    || kind == types.filler
                    || object.at == self.array_map
                    || matches!(
                        self.heap.layout.name(kind),
                        Some("Cell" | "PropertyCell" | "SharedFunctionInfo")
                    )
            }
            _ => false,
        }
    }
}

/// The name of a type of strings: its bits, in the order in which V8 has their names.
fn string_type(kind: u16, major: u32) -> String {
    const ONE_BYTE: u16 = 8;
    const UNCACHED: u16 = 16;
    const SHARED: u16 = 64;
    let representation = ["Seq", "Cons", "External", "Sliced", "", "Thin"];
    let of = representation.get(usize::from(kind & 7)).copied().unwrap_or("");
    let is = |bit: u16, name: &'static str| if kind & bit != 0 { name } else { "" };
    let (shared, uncached) = (is(SHARED, "Shared"), is(UNCACHED, "Uncached"));
    let internalized = if kind & NOT_INTERNALIZED == 0 { "Internalized" } else { "" };
    if major < 12 {
        let of = if of == "Seq" { "" } else { of };
        return format!("{shared}{uncached}{of}{}{internalized}String", is(ONE_BYTE, "OneByte"));
    }
    let of = if of == "Seq" && !internalized.is_empty() { "" } else { of };
    let width = if kind & ONE_BYTE == 0 { "TwoByte" } else { "OneByte" };
    format!("{shared}{uncached}{of}{internalized}{width}String")
}

#[cfg(test)]
mod tests {
    use super::string_type;

    #[test]
    fn types_of_strings_have_the_names_of_their_version() {
        let of = |kind| [11, 12].map(|major| string_type(kind, major));
        assert_eq!(of(0x20), ["String", "SeqTwoByteString"]);
        assert_eq!(of(0x28), ["OneByteString", "SeqOneByteString"]);
        assert_eq!(of(0x08), ["OneByteInternalizedString", "InternalizedOneByteString"]);
        assert_eq!(of(0x21), ["ConsString", "ConsTwoByteString"]);
        let uncached = "UncachedExternalInternalized";
        let expected = [format!("{uncached}String"), format!("{uncached}TwoByteString")];
        assert_eq!(of(0x12), expected);
        let shared = ["SharedExternalOneByteString"; 2];
        assert_eq!(of(0x6a), shared);
    }
}
