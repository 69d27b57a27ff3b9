//! Where names stand in a snapshot's records, and what kind of names they are (`snapshot.meta`).

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::role::{self, Role};

/// What an edge's name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeNameKind {
    /// A string with this role.
    String(Role),
    /// The index of an array's element, or a number that is used like one.
    Index,
    /// A number of V8's own.
    Slot,
}

/// The columns of the records.
#[derive(Debug, Default)]
pub struct Layout {
    /// Fields of a node: how many, and where kind, name and number of edges are.
    pub node: [usize; 4],
    /// The roles of names by node kind.
    pub node_roles: Vec<Role>,
    /// Fields of an edge: how many, and where kind and name are.
    pub edge: [usize; 3],
    /// By edge kind.
    pub edge_names: Vec<EdgeNameKind>,
    /// Which edge kind has properties' names.
    pub property: u64,
    /// Fields of a function that allocated: how many, and where its two names are.
    pub function: [usize; 3],
}

#[derive(Deserialize)]
struct Header {
    meta: Meta,
    #[serde(flatten)]
    counts: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    node_types: Vec<Value>,
    edge_fields: Vec<String>,
    edge_types: Vec<Value>,
    trace_function_info_fields: Vec<String>,
}

impl Layout {
    /// Reads the object `snapshot`; `None` where it is not what V8 is known to write.
    pub fn read(json: &[u8]) -> Option<Self> {
        let Header { meta, counts } = serde_json::from_slice(json).ok()?;
        // Anything but a count could be anybody's text.
        counts.values().all(Value::is_number).then_some(())?;
        let at = |fields: &[String], name: &str| fields.iter().position(|field| field == name);
        let Meta {
            node_fields: nodes,
            edge_fields: edges,
            trace_function_info_fields: functions,
            ..
        } = &meta;
        let node = [nodes.len(), at(nodes, "type")?, at(nodes, "name")?, at(nodes, "edge_count")?];
        let edge = [edges.len(), at(edges, "type")?, at(edges, "name_or_index")?];
        let function = [functions.len(), at(functions, "name")?, at(functions, "script_name")?];
        // The kind is needed when the name comes.
        (node[1] < node[2] && edge[1] < edge[2]).then_some(())?;
        let node_kinds = kinds(meta.node_types.get(node[1])?)?;
        let edge_kinds = kinds(meta.edge_types.get(edge[1])?)?;
        Some(Self {
            node,
            node_roles: node_kinds.iter().map(|kind| node_role(kind)).collect::<Option<_>>()?,
            edge,
            edge_names: edge_kinds.iter().map(|kind| edge_name(kind)).collect::<Option<_>>()?,
            property: edge_kinds.iter().position(|kind| *kind == "property")? as u64,
            function,
        })
    }
}

fn kinds(list: &Value) -> Option<Vec<&str>> {
    list.as_array()?.iter().map(Value::as_str).collect()
}

/// By V8's `HeapEntry::Type` (profiler/heap-snapshot-generator.h).
fn node_role(kind: &str) -> Option<Role> {
    Some(match kind {
        "string"
        | "number"
        | "regexp"
        | "concatenated string"
        | "sliced string"
        | "symbol"
        | "bigint" => role::CONTENT,
        "object" | "wasm object" => role::TYPE,
        "code" | "closure" => role::CODE,
        "hidden" | "array" | "native" | "synthetic" | "object shape" => role::FIXED,
        _ => return None,
    })
}

/// By V8's `HeapGraphEdge::Type`.
fn edge_name(kind: &str) -> Option<EdgeNameKind> {
    Some(match kind {
        "context" => EdgeNameKind::String(role::VARIABLE),
        "property" | "shortcut" => EdgeNameKind::String(role::PROPERTY),
        "internal" | "weak" => EdgeNameKind::String(role::FIXED),
        "element" => EdgeNameKind::Index,
        "hidden" => EdgeNameKind::Slot,
        _ => return None,
    })
}
