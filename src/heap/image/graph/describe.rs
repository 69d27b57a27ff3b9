//! Types and names of nodes, by the rules of V8's snapshots.

use super::super::decode::{Object, target};
use super::super::layout::ObjectShape;
use super::super::pages::Pages;
use super::Builder;
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
            ObjectShape::Code | ObjectShape::InstructionStream => (NodeKind::Code, self.empty),
            ObjectShape::Map if heap.pages.is_constant(object.at) => {
                (NodeKind::Hidden, heap.text("system / Map"))
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
            _ if heap.layout.is_receiver(object.kind) => {
                (NodeKind::Object, heap.class(object).name)
            }
            _ => self.internal(object.kind),
        }
    }

    /// Type and name of an object that only V8 knows.
    fn internal(&self, kind: u16) -> (NodeKind, u32) {
        let (heap, arrays) = (&self.heap, self.heap.pages.layout.types.arrays);
        let name = heap.layout.name(kind);
        if (arrays.0..=arrays.1).contains(&kind)
            || matches!(
                name,
                Some("FixedArray" | "FixedDoubleArray" | "ByteArray" | "TrustedFixedArray")
            )
        {
            return (NodeKind::Array, self.empty);
        }
        let name = name.unwrap_or("Internal");
        let is_code = CODE.contains(&name)
            || (heap.pages.layout.are_wrappers_code
                && matches!(name, "BytecodeWrapper" | "CodeWrapper"));
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
                    || matches!(
                        self.heap.layout.name(kind),
                        Some("FixedArray" | "Cell" | "PropertyCell" | "SharedFunctionInfo")
                    )
            }
            _ => false,
        }
    }
}
