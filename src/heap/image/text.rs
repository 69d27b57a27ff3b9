//! A graph as the text of a heap snapshot, written piece by piece while it is read.

use std::fmt::Write;
use std::io::{self, Read};

use super::graph::{EDGE_TYPES, ImageGraph, NODE_TYPES, id};

/// Records of one piece.
const PIECE: usize = 4096;

#[derive(Debug, Clone, Copy)]
enum Section {
    Head,
    Nodes(usize),
    Edges(usize),
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
            Section::Nodes(from) if from < graph.nodes.len() => {
                let to = end(from, graph.nodes.len());
                for (at, node) in (from..to).zip(&graph.nodes[from..to]) {
                    let (id, sep) = (id(at), comma(at));
                    let _ = write!(
                        piece,
                        "{sep}{},{},{id},{},{}",
                        node.kind, node.name, node.size, node.edges
                    );
                }
                Section::Nodes(to)
            }
            Section::Nodes(_) => {
                piece.push_str("],\n\"edges\":[");
                Section::Edges(0)
            }
            Section::Edges(from) if from < graph.edges.len() => {
                let to = end(from, graph.edges.len());
                for (at, edge) in (from..to).zip(&graph.edges[from..to]) {
                    let _ = write!(
                        piece,
                        "{}{},{},{}",
                        comma(at),
                        edge.kind,
                        edge.name,
                        u64::from(edge.to) * 5
                    );
                }
                Section::Edges(to)
            }
            Section::Edges(_) => {
                piece.push_str("],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[");
                Section::Locations(0)
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
                for (at, text) in (from..to).zip(&graph.strings[from..to]) {
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
    let meta = serde_json::json!({
        "snapshot": {
            "meta": {
                "node_fields": ["type", "name", "id", "self_size", "edge_count"],
                "node_types": [NODE_TYPES, "string", "number", "number", "number"],
                "edge_fields": ["type", "name_or_index", "to_node"],
                "edge_types": [EDGE_TYPES, "string_or_number", "node"],
                "trace_function_info_fields":
                    ["function_id", "name", "script_name", "script_id", "line", "column"],
                "trace_node_fields": ["id", "function_info_index", "count", "size", "children"],
                "sample_fields": ["timestamp_us", "last_assigned_id"],
                "location_fields": ["object_index", "script_id", "line", "column"],
            },
            "node_count": graph.nodes.len(),
            "edge_count": graph.edges.len(),
            "trace_function_count": 0,
        }
    });
    let text = meta.to_string();
    format!("{},\n\"nodes\":[", text.strip_suffix('}').unwrap_or(&text))
}
