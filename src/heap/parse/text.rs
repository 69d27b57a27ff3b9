//! One pass over the text of a snapshot, section by section, into columns. Sections that are not
//! needed, or not known, are skipped.

use crate::heap::error::{HeapError, HeapResult};
use crate::heap::graph::columns::{Columns, MAX_EDGES, MAX_NODES, NodeLocation, Target};
use crate::heap::graph::edge_names::EdgeNames;
use crate::heap::graph::kind::NodeKind;
use crate::heap::graph::sizes::Sizes;
use crate::heap::graph::strings::StringTable;
use crate::heap::memory::room;
use crate::heap::parse::json::Scanner;
use crate::heap::parse::schema::{EdgeFields, LocationFields, MAX_FIELDS, NodeFields, Schema};

/// The header is about 1 kB; a megabyte leaves room for what V8 may add.
const MAX_HEADER: usize = 1 << 20;
/// More bytes than any memory has, and the most that a number of JSON's readers can hold: no sum of sizes overflows.
const MAX_BYTES: u64 = 1 << 53;
/// What is reserved where the file's length does not bound a count.
const UNBOUNDED: usize = 1 << 16;

/// Readers are compiled for the field counts that V8 writes today, and for any.
const ANY: usize = 0;

/// Reads a whole snapshot.
pub(in crate::heap) fn parse(scanner: &mut Scanner) -> HeapResult<Columns> {
    scanner.expect(b'{', "{")?;
    let mut schema = None;
    let (mut nodes, mut edges, mut strings) = (None, None, None);
    let mut locations = Vec::new();
    let mut section = Vec::new();
    let mut more = true;
    while more {
        scanner.key(&mut section)?;
        scanner.expect(b':', ":")?;
        match (section.as_slice(), &schema) {
            (b"snapshot", None) => {
                let mut header = Vec::new();
                scanner.value(Some((&mut header, MAX_HEADER)))?;
                schema = Some(Schema::read(&header)?);
            }
            (b"nodes", Some(schema)) if nodes.is_none() => {
                nodes = Some(match schema.node.count {
                    6 => Nodes::read::<6>(scanner, schema)?,
                    7 => Nodes::read::<7>(scanner, schema)?,
                    _ => Nodes::read::<ANY>(scanner, schema)?,
                });
            }
            (b"edges", Some(schema)) if edges.is_none() => {
                edges = Some(match (schema.node.count, schema.edge.count) {
                    (6, 3) => Edges::read::<6, 3>(scanner, schema)?,
                    (7, 3) => Edges::read::<7, 3>(scanner, schema)?,
                    _ => Edges::read::<ANY, ANY>(scanner, schema)?,
                });
            }
            (b"locations", Some(Schema { location: Some(fields), node, .. }))
                if locations.is_empty() =>
            {
                locations = read_locations(scanner, fields, node.count)?;
            }
            (b"strings", _) if strings.is_none() => strings = Some(StringTable::read(scanner)?),
            (b"nodes" | b"edges", None) => {
                return Err(HeapError::Schema("its data comes before `snapshot`".into()));
            }
            (b"snapshot" | b"nodes" | b"edges" | b"strings", _) => {
                return Err(HeapError::Corrupt("a section occurs twice".into()));
            }
            _ => scanner.value(None)?,
        }
        more = scanner.another(b'}', ", or }")?;
    }
    scanner.expect_end()?;
    let (Some(schema), Some(nodes), Some(edges), Some(strings)) = (schema, nodes, edges, strings)
    else {
        return Err(HeapError::Schema("it lacks one of snapshot, nodes, edges and strings".into()));
    };
    combine(&schema, nodes, edges, locations, strings)
}

/// Puts the sections together, once each has been held against the others.
fn combine(
    schema: &Schema,
    nodes: Nodes,
    edges: Edges,
    mut locations: Vec<NodeLocation>,
    strings: StringTable,
) -> HeapResult<Columns> {
    let count = nodes.kinds.len() as u64;
    let claims = [
        (count == schema.node_count, "its nodes are not as many as it says"),
        (edges.targets.len() as u64 == schema.edge_count, "its edges are not as many as it says"),
        (edges.targets.len() as u64 == nodes.edge_count, "nodes own other edges than there are"),
        (edges.max_target < count, "an edge leads to no node"),
        (nodes.max_name.max(edges.max_name) < strings.len() as u64, "a name is no string"),
    ];
    if let Some((_, problem)) = claims.iter().find(|(holds, _)| !holds) {
        return Err(HeapError::Corrupt((*problem).into()));
    }
    if locations.iter().any(|location| u64::from(location.node) >= count) {
        return Err(HeapError::Corrupt("a location belongs to no node".into()));
    }
    locations.sort_by_key(|location| location.node);
    Ok(Columns {
        root: schema.root as u32,
        kinds: nodes.kinds,
        names: nodes.names,
        ids: nodes.ids,
        sizes: nodes.sizes,
        first_edges: nodes.first_edges,
        edge_names: edges.names,
        targets: edges.targets,
        locations,
        strings,
    })
}

/// How many records to make room for: no more than what is left of the file can hold, as each
/// of their numbers takes two bytes at least.
fn possible(claimed: u64, fields: usize, scanner: &Scanner) -> usize {
    let most = match scanner.length() {
        Some(length) => length.saturating_sub(scanner.position()) / (2 * fields as u64) + 1,
        None => UNBOUNDED as u64,
    };
    claimed.min(most) as usize
}

/// A count that is known when the reader is compiled, or else at run time.
#[inline(always)]
fn known<const COUNT: usize>(actual: usize) -> usize {
    if COUNT == ANY { actual } else { COUNT }
}

fn small(value: u64, what: &str) -> HeapResult<u32> {
    u32::try_from(value).map_err(|_| HeapError::Corrupt(format!("{what} {value} is out of range")))
}

/// The ordinal of a node given by the index of its first field.
#[inline(always)]
fn ordinal(index: u64, fields: u64) -> HeapResult<u64> {
    match index % fields {
        0 => Ok(index / fields),
        _ => Err(HeapError::Corrupt(format!("index {index} is inside a node"))),
    }
}

#[derive(Default)]
struct Nodes {
    kinds: Vec<NodeKind>,
    names: Vec<u32>,
    ids: Vec<u32>,
    sizes: Sizes,
    first_edges: Vec<u32>,
    edge_count: u64,
    max_name: u64,
}

impl Nodes {
    /// Makes room for so many more than there are.
    #[cold]
    fn reserve(&mut self, more: usize) -> HeapResult<()> {
        room(&mut self.kinds, more)?;
        room(&mut self.names, more)?;
        room(&mut self.ids, more)?;
        self.sizes.reserve(more)?;
        room(&mut self.first_edges, more)
    }

    fn read<const FIELDS: usize>(scanner: &mut Scanner, schema: &Schema) -> HeapResult<Self> {
        if schema.node_count > MAX_NODES {
            return Err(HeapError::TooLarge(format!(
                "{} nodes, and {MAX_NODES} are the most",
                schema.node_count
            )));
        }
        let fields: NodeFields = schema.node;
        let mut nodes = Nodes::default();
        // One more: the end of the last node's edges.
        let mut reserved = possible(schema.node_count, fields.count, scanner) + 1;
        nodes.reserve(reserved)?;
        let mut values = [0; MAX_FIELDS];
        let mut bytes = 0u64;
        let mut more = scanner.open_array()?;
        while more {
            more = scanner.record(&mut values[..known::<FIELDS>(fields.count)])?;
            if nodes.kinds.len() + 1 == reserved {
                nodes.reserve(reserved)?;
                reserved *= 2;
            }
            let kind = schema.node_kinds.get(values[fields.kind] as usize).copied();
            nodes.kinds.push(
                kind.ok_or_else(|| HeapError::Corrupt("a node's type is not in meta".into()))?,
            );
            let name = values[fields.name];
            nodes.max_name = nodes.max_name.max(name);
            nodes.names.push(name as u32);
            nodes.ids.push(small(values[fields.id], "node id")?);
            nodes.sizes.push(values[fields.self_size])?;
            bytes = bytes.saturating_add(values[fields.self_size]);
            nodes.first_edges.push(nodes.edge_count as u32);
            nodes.edge_count = nodes.edge_count.saturating_add(values[fields.edge_count]);
            if nodes.kinds.len() as u64 > schema.node_count {
                return Err(HeapError::Corrupt("it has more nodes than it says".into()));
            }
            if bytes > MAX_BYTES {
                return Err(HeapError::Corrupt("its sizes add up to more than any memory".into()));
            }
            if nodes.edge_count > MAX_EDGES {
                return Err(HeapError::TooLarge(format!("{} edges or more", nodes.edge_count)));
            }
        }
        nodes.first_edges.push(nodes.edge_count as u32);
        nodes.kinds.shrink_to_fit();
        nodes.names.shrink_to_fit();
        nodes.ids.shrink_to_fit();
        nodes.sizes.shrink_to_fit();
        nodes.first_edges.shrink_to_fit();
        Ok(nodes)
    }
}

#[derive(Default)]
struct Edges {
    names: EdgeNames,
    targets: Vec<Target>,
    /// The largest string index among the named ones.
    max_name: u64,
    max_target: u64,
}

impl Edges {
    /// Makes room for so many more than there are.
    #[cold]
    fn reserve(&mut self, more: usize) -> HeapResult<()> {
        self.names.reserve(more)?;
        room(&mut self.targets, more)
    }

    fn read<const NODE_FIELDS: usize, const FIELDS: usize>(
        scanner: &mut Scanner,
        schema: &Schema,
    ) -> HeapResult<Self> {
        let node_fields = known::<NODE_FIELDS>(schema.node.count) as u64;
        let fields: EdgeFields = schema.edge;
        let mut edges = Edges::default();
        let mut reserved = possible(schema.edge_count.min(MAX_EDGES), fields.count, scanner) + 1;
        edges.reserve(reserved)?;
        let mut values = [0; MAX_FIELDS];
        let mut more = scanner.open_array()?;
        while more {
            more = scanner.record(&mut values[..known::<FIELDS>(fields.count)])?;
            if edges.targets.len() == reserved {
                edges.reserve(reserved)?;
                reserved *= 2;
            }
            let kind = schema.edge_kinds.get(values[fields.kind] as usize).copied();
            let kind =
                kind.ok_or_else(|| HeapError::Corrupt("an edge's type is not in meta".into()))?;
            let name = values[fields.name];
            if !kind.is_indexed() {
                edges.max_name = edges.max_name.max(name);
            }
            let to = ordinal(values[fields.to], node_fields)?;
            if to >= MAX_NODES {
                return Err(HeapError::Corrupt("an edge leads to no node".into()));
            }
            edges.max_target = edges.max_target.max(to);
            edges.names.push(small(name, "edge name")?)?;
            edges.targets.push(Target::new(kind, to as u32));
            if edges.targets.len() as u64 > schema.edge_count.min(MAX_EDGES) {
                return Err(HeapError::Corrupt("it has more edges than it says".into()));
            }
        }
        edges.names.shrink_to_fit();
        edges.targets.shrink_to_fit();
        Ok(edges)
    }
}

fn read_locations(
    scanner: &mut Scanner,
    fields: &LocationFields,
    node_fields: usize,
) -> HeapResult<Vec<NodeLocation>> {
    let mut locations = Vec::new();
    let mut values = [0; MAX_FIELDS];
    let mut more = scanner.open_array()?;
    while more {
        more = scanner.record(&mut values[..fields.count])?;
        room(&mut locations, 1)?;
        locations.push(NodeLocation {
            node: small(ordinal(values[fields.node], node_fields as u64)?, "location")?,
            script: small(values[fields.script], "script id")?,
            line: small(values[fields.line], "line")?,
            column: small(values[fields.column], "column")?,
        });
    }
    locations.shrink_to_fit();
    Ok(locations)
}
