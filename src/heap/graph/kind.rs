//! The types of nodes and edges, by the names that `snapshot.meta` gives them: V8 adds types, so
//! their numbers differ between versions (v8/src/profiler/heap-snapshot-generator.h).

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NodeKind {
    /// A V8-internal object.
    Hidden,
    /// A backing store of elements, properties or a hash table.
    Array,
    /// A string's characters.
    String,
    /// An object; its name is its constructor's.
    Object,
    /// Compiled code and its metadata.
    Code,
    /// A function; its name is the function's.
    Closure,
    /// A regular expression.
    RegExp,
    /// A number on the heap.
    Number,
    /// Memory outside of V8's heap.
    Native,
    /// A root or another grouping that is no object.
    Synthetic,
    /// A rope of two strings.
    ConsString,
    /// A part of another string.
    SlicedString,
    /// A symbol.
    Symbol,
    /// A big integer.
    BigInt,
    /// A hidden class and its descriptors.
    ObjectShape,
    /// An object of WebAssembly.
    WasmObject,
    /// A type newer than this reader.
    Other,
}

/// By their numbers.
pub(in crate::heap) const NODE_KINDS: [(NodeKind, &str); 17] = [
    (NodeKind::Hidden, "hidden"),
    (NodeKind::Array, "array"),
    (NodeKind::String, "string"),
    (NodeKind::Object, "object"),
    (NodeKind::Code, "code"),
    (NodeKind::Closure, "closure"),
    (NodeKind::RegExp, "regexp"),
    (NodeKind::Number, "number"),
    (NodeKind::Native, "native"),
    (NodeKind::Synthetic, "synthetic"),
    (NodeKind::ConsString, "concatenated string"),
    (NodeKind::SlicedString, "sliced string"),
    (NodeKind::Symbol, "symbol"),
    (NodeKind::BigInt, "bigint"),
    (NodeKind::ObjectShape, "object shape"),
    (NodeKind::WasmObject, "wasm object"),
    (NodeKind::Other, "other"),
];

impl NodeKind {
    /// The kind that the schema calls `name`.
    pub(in crate::heap) fn from_name(name: &str) -> Self {
        NODE_KINDS.iter().find(|kind| kind.1 == name).map_or(NodeKind::Other, |kind| kind.0)
    }

    /// The schema's name.
    pub fn name(self) -> &'static str {
        NODE_KINDS[self as usize].1
    }
}

/// How a node refers to another. The order counts: what stands before `Shortcut` retains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum EdgeKind {
    /// A variable of a context; named.
    Context,
    /// An element of an array; numbered.
    Element,
    /// A property; named.
    Property,
    /// A field of V8's own; named.
    Internal,
    /// A field of V8's own; numbered.
    Hidden,
    /// A jump over internals; from the root it marks the global objects. Named.
    Shortcut,
    /// Retains nothing; named.
    Weak,
    /// The table's side of a WeakMap entry; named, `internal` in the file. The entry belongs to
    /// its key, whose side is [`EdgeKind::Internal`].
    Ephemeron,
}

/// By their numbers.
pub(in crate::heap) const EDGE_KINDS: [(EdgeKind, &str); 8] = [
    (EdgeKind::Context, "context"),
    (EdgeKind::Element, "element"),
    (EdgeKind::Property, "property"),
    (EdgeKind::Internal, "internal"),
    (EdgeKind::Hidden, "hidden"),
    (EdgeKind::Shortcut, "shortcut"),
    (EdgeKind::Weak, "weak"),
    (EdgeKind::Ephemeron, "internal"),
];

impl EdgeKind {
    /// The kind that the schema calls `name`; DevTools treats a type that it does not know as a
    /// named, strong edge.
    pub(in crate::heap) fn from_name(name: &str) -> Self {
        EDGE_KINDS.iter().find(|kind| kind.1 == name).map_or(EdgeKind::Property, |kind| kind.0)
    }

    /// From the three bits of a column.
    pub(in crate::heap) fn from_bits(bits: u32) -> Self {
        EDGE_KINDS[(bits & 7) as usize].0
    }

    /// The schema's name.
    pub fn name(self) -> &'static str {
        EDGE_KINDS[self as usize].1
    }

    /// Whether the edge carries a number instead of a name.
    pub fn is_indexed(self) -> bool {
        matches!(self, EdgeKind::Element | EdgeKind::Hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_the_order_of_the_enums() {
        for (at, (kind, name)) in NODE_KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, at);
            assert_eq!(kind.name(), *name);
        }
        for (at, (kind, _)) in EDGE_KINDS.iter().enumerate() {
            assert_eq!(*kind as usize, at);
            assert_eq!(EdgeKind::from_bits(at as u32), *kind);
        }
        assert_eq!(EdgeKind::from_name("internal"), EdgeKind::Internal);
        assert_eq!(NodeKind::from_name("a type of tomorrow"), NodeKind::Other);
    }
}
