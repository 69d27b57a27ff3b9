//! A graph as the text of a heap snapshot, written piece by piece while it is read.

use std::fmt::Write;
use std::io::{self, Read};

use super::graph::{EdgeCursor, ImageGraph, id};
use crate::heap::graph::kind::{EDGE_KINDS, EdgeKind, NODE_KINDS, NodeKind};

/// Records of one piece.
const PIECE: usize = 4096;

#[derive(Debug, Clone, Copy)]
enum Section {
    Head,
    Nodes(usize),
    Edges { is_first: bool, cursor: EdgeCursor },
    Locations(usize),
    Strings(usize),
    End,
}

/// The text, as a stream.
pub struct Text {
    graph: ImageGraph,
    section: Section,
    piece: String,
    at: usize,
}

impl Text {
    pub fn new(graph: ImageGraph) -> Self {
        Self { graph, section: Section::Head, piece: String::new(), at: 0 }
    }

    fn refill(&mut self) {
        let Self { graph, piece, .. } = self;
        piece.clear();
        self.at = 0;
        let comma = |at: usize| if at == 0 { "" } else { "," };
        let end = |from: usize, all: usize| (from + PIECE).min(all);
        self.section = match self.section {
            Section::Head => {
                piece.push_str(&head(graph));
                Section::Nodes(0)
            }
            Section::Nodes(from) if from < graph.kinds.len() => {
                let to = end(from, graph.kinds.len());
                for at in from..to {
                    let _ = write!(
                        piece,
                        "{}{},{},{},{},{}",
                        comma(at),
                        graph.kinds[at] as u8,
                        graph.names[at],
                        id(at),
                        graph.sizes.get(at),
                        graph.counts[at]
                    );
                }
                Section::Nodes(to)
            }
            Section::Nodes(_) => {
                graph.free_nodes();
                piece.push_str("],\n\"edges\":[");
                Section::Edges { is_first: true, cursor: EdgeCursor::default() }
            }
            Section::Edges { mut is_first, mut cursor } => {
                for _ in 0..PIECE {
                    let Some(edge) = cursor.next(graph) else { break };
                    let separator = if is_first { "" } else { "," };
                    is_first = false;
                    let _ = write!(
                        piece,
                        "{separator}{},{},{}",
                        edge.kind as u8,
                        edge.name,
                        u64::from(edge.to) * 5
                    );
                }
                if piece.is_empty() {
                    graph.free_edges();
                    piece.push_str("],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[");
                    Section::Locations(0)
                } else {
                    Section::Edges { is_first, cursor }
                }
            }
            Section::Locations(from) if from < graph.locations.len() => {
                let to = end(from, graph.locations.len());
                for (at, [node, script, line, column]) in (from..to).zip(&graph.locations[from..to])
                {
                    let _ = write!(
                        piece,
                        "{}{},{script},{line},{column}",
                        comma(at),
                        u64::from(*node) * 5
                    );
                }
                Section::Locations(to)
            }
            Section::Locations(_) => {
                piece.push_str("],\n\"strings\":[");
                Section::Strings(0)
            }
            Section::Strings(from) if from < graph.strings.len() => {
                let to = end(from, graph.strings.len());
                for at in from..to {
                    let text = graph.strings.get(u32::try_from(at).unwrap_or(u32::MAX));
                    piece.push_str(comma(at));
                    piece.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".into()));
                }
                Section::Strings(to)
            }
            Section::Strings(_) => {
                piece.push_str("]}\n");
                Section::End
            }
            Section::End => Section::End,
        };
    }
}

impl Read for Text {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.piece.len() {
            self.refill();
        }
        let rest = &self.piece.as_bytes()[self.at..];
        let length = rest.len().min(to.len());
        to[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

fn head(graph: &ImageGraph) -> String {
    let node_types: Vec<&str> =
        NODE_KINDS[..=NodeKind::ObjectShape as usize].iter().map(|(_, name)| *name).collect();
    let edge_types: Vec<&str> =
        EDGE_KINDS[..=EdgeKind::Weak as usize].iter().map(|(_, name)| *name).collect();
    let meta = serde_json::json!({
        "snapshot": {
            "meta": {
                "node_fields": ["type", "name", "id", "self_size", "edge_count"],
                "node_types": [node_types, "string", "number", "number", "number"],
                "edge_fields": ["type", "name_or_index", "to_node"],
                "edge_types": [edge_types, "string_or_number", "node"],
                "trace_function_info_fields":
                    ["function_id", "name", "script_name", "script_id", "line", "column"],
                "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
                "sample_fields": ["timestamp_us", "last_assigned_id"],
                "location_fields": ["object_index", "script_id", "line", "column"],
            },
            "node_count": graph.kinds.len(),
            "edge_count": graph.edge_count(),
            "trace_function_count": 0,
        }
    });
    let text = meta.to_string();
    format!("{},\n\"nodes\":[", text.strip_suffix('}').unwrap_or(&text))
}
