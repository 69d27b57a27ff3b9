//! `snapshot.meta`: where each field of a record stands and what its numbers mean. Taken from the
//! file, never assumed: Node 20 and 22 write seven fields for a node, 24 and 26 write six.

use serde::Deserialize;

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::graph::kind::{EdgeKind, NodeKind};

/// More than any V8 writes.
pub(in crate::heap) const MAX_FIELDS: usize = 16;

#[derive(Deserialize)]
struct Header {
    meta: Meta,
    node_count: u64,
    edge_count: u64,
    #[serde(default)]
    root_index: u64,
}

#[derive(Deserialize)]
struct Meta {
    node_fields: Vec<String>,
    node_types: Vec<Types>,
    edge_fields: Vec<String>,
    edge_types: Vec<Types>,
    #[serde(default)]
    location_fields: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Types {
    Names(Vec<String>),
    Single(#[allow(dead_code, reason = "\"number\" or \"string\": nothing to look up")] String),
}

/// The layout of one snapshot's records.
#[derive(Debug)]
pub(in crate::heap) struct Schema {
    pub node_count: u64,
    pub edge_count: u64,
    /// In nodes.
    pub root: u64,
    pub node: NodeFields,
    pub node_kinds: Vec<NodeKind>,
    pub edge: EdgeFields,
    pub edge_kinds: Vec<EdgeKind>,
    /// Absent in snapshots before Chrome 69.
    pub location: Option<LocationFields>,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct NodeFields {
    pub count: usize,
    pub kind: usize,
    pub name: usize,
    pub id: usize,
    pub self_size: usize,
    pub edge_count: usize,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct EdgeFields {
    pub count: usize,
    pub kind: usize,
    pub name: usize,
    pub to: usize,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct LocationFields {
    pub count: usize,
    pub node: usize,
    pub script: usize,
    pub line: usize,
    pub column: usize,
}

impl Schema {
    /// From the text of the `snapshot` object.
    pub fn read(json: &[u8]) -> HeapResult<Self> {
        let Header { meta, node_count, edge_count, root_index } =
            serde_json::from_slice(json).map_err(|error| HeapError::Schema(error.to_string()))?;
        let node = |name| position(&meta.node_fields, "node_fields", name);
        let node = NodeFields {
            count: count(&meta.node_fields, "node_fields")?,
            kind: node("type")?,
            name: node("name")?,
            id: node("id")?,
            self_size: node("self_size")?,
            edge_count: node("edge_count")?,
        };
        let edge = |name| position(&meta.edge_fields, "edge_fields", name);
        let edge = EdgeFields {
            count: count(&meta.edge_fields, "edge_fields")?,
            kind: edge("type")?,
            name: edge("name_or_index")?,
            to: edge("to_node")?,
        };
        let location = |name| position(&meta.location_fields, "location_fields", name);
        let location = match meta.location_fields.is_empty() {
            true => None,
            false => Some(LocationFields {
                count: count(&meta.location_fields, "location_fields")?,
                node: location("object_index")?,
                script: location("script_id")?,
                line: location("line")?,
                column: location("column")?,
            }),
        };
        let root = root_index / node.count as u64;
        if root_index % node.count as u64 != 0 || root >= node_count {
            return Err(HeapError::Corrupt(format!("root_index {root_index} is no node")));
        }
        let node_kinds = names(&meta.node_types, node.kind, "node_types")?;
        let edge_kinds = names(&meta.edge_types, edge.kind, "edge_types")?;
        Ok(Schema {
            node_count,
            edge_count,
            root,
            node,
            node_kinds: node_kinds.iter().map(|name| NodeKind::from_name(name)).collect(),
            edge,
            edge_kinds: edge_kinds.iter().map(|name| EdgeKind::from_name(name)).collect(),
            location,
        })
    }
}

fn count(fields: &[String], list: &str) -> HeapResult<usize> {
    match fields.len() {
        count @ 1..=MAX_FIELDS => Ok(count),
        count => Err(HeapError::Schema(format!("meta.{list} has {count} entries"))),
    }
}

fn position(fields: &[String], list: &str, name: &str) -> HeapResult<usize> {
    fields
        .iter()
        .position(|field| field == name)
        .ok_or_else(|| HeapError::Schema(format!("meta.{list} has no `{name}`")))
}

fn names<'a>(types: &'a [Types], at: usize, list: &str) -> HeapResult<&'a [String]> {
    match types.get(at) {
        Some(Types::Names(names)) => Ok(names),
        _ => Err(HeapError::Schema(format!("meta.{list}[{at}] is no list of types"))),
    }
}
