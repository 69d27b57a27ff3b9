//! Small heaps for unit tests, written as V8 writes them.

use rustc_hash::FxHashMap;

use crate::heap::progress::unattended;
use crate::heap::snapshot::Snapshot;

/// A graph that is being drawn; node 0 is the root.
pub(in crate::heap) struct Graph {
    nodes: Vec<(&'static str, String, u32, u64)>,
    edges: Vec<(usize, &'static str, String, usize)>,
    /// Node, script, line.
    locations: Vec<(usize, u32, u32)>,
    scripts: Vec<usize>,
}

const NODE_TYPES: [&str; 12] = [
    "hidden",
    "array",
    "string",
    "object",
    "code",
    "closure",
    "native",
    "synthetic",
    "number",
    "symbol",
    "sliced string",
    "wasm object",
];
const EDGE_TYPES: [&str; 7] =
    ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];

impl Graph {
    pub fn new() -> Self {
        Graph {
            nodes: vec![("synthetic", String::new(), 1, 0)],
            edges: Vec::new(),
            locations: Vec::new(),
            scripts: Vec::new(),
        }
    }

    pub fn node(&mut self, kind: &'static str, name: &str, id: u32, size: u64) -> usize {
        self.nodes.push((kind, name.to_owned(), id, size));
        self.nodes.len() - 1
    }

    pub fn edge(&mut self, from: usize, kind: &'static str, name: &str, to: usize) {
        self.edges.push((from, kind, name.to_owned(), to));
    }

    /// A function that stands at a line of the one script.
    pub fn function(&mut self, name: &str, id: u32, line: u32) -> usize {
        let node = self.node("closure", name, id, 64);
        self.locate(node, 1, line);
        node
    }

    /// Another script, by its number. Nodes that are located in it have its name.
    pub fn script(&mut self, name: &str) -> u32 {
        let script = self.node("hidden", "system / Script", 1, 0);
        let name = self.node("string", name, 1, 0);
        self.edge(script, "internal", "name", name);
        self.scripts.push(script);
        let number = self.scripts.len() as u32 + 1;
        self.function_in(number, "(its code)", 1, 0);
        number
    }

    /// A function that stands at a line of a script.
    pub fn function_in(&mut self, script: u32, name: &str, id: u32, line: u32) -> usize {
        let node = self.node("closure", name, id, 64);
        let shared = self.node("code", "system / SharedFunctionInfo", 1, 0);
        self.edge(node, "internal", "shared", shared);
        self.edge(shared, "internal", "script", self.scripts[script as usize - 2]);
        self.locate(node, script, line);
        node
    }

    /// Gives a node a place in a script: an instance that of its class.
    pub fn locate(&mut self, node: usize, script: u32, line: u32) {
        self.locations.push((node, script, line));
        self.locations.sort_unstable();
    }

    /// A variable of the module: an object that its context has under a name.
    pub fn variable(&mut self, name: &str, class: &str, id: u32) -> usize {
        let node = self.node("object", class, id, 32);
        self.edge(MODULE, "context", name, node);
        node
    }

    /// Makes the module one of this file: one of its functions has the module's context.
    pub fn in_file(&mut self, file: &str, id: u32) {
        let script = self.script(file);
        let code = self.function_in(script, "main", id, 4);
        self.edge(code, "internal", "context", MODULE);
        self.edge(GLOBAL, "property", "main", code);
    }

    /// An object that another one has under a name.
    pub fn member(&mut self, of: usize, name: &str, class: &str, id: u32) -> usize {
        let node = self.node("object", class, id, 32);
        self.edge(of, "property", name, node);
        node
    }

    /// So many objects in an array, from an id on; each of its own.
    pub fn elements(&mut self, array: usize, class: &str, first: u32, count: u32) -> Vec<usize> {
        let add = |at: u32| {
            let node = self.node("object", class, first + 100 * at, 64);
            self.edge(array, "element", &at.to_string(), node);
            node
        };
        (0..count).map(add).collect()
    }

    /// The ids that a forked child gives: in the order of the heap.
    pub fn renumbered(mut self, first: u32) -> Self {
        for (at, node) in self.nodes.iter_mut().enumerate() {
            node.2 = first + 2 * at as u32;
        }
        self
    }

    /// Another object under the id.
    pub fn rename(&mut self, id: u32, name: &str) {
        self.nodes.iter_mut().find(|node| node.2 == id).unwrap().1 = name.to_owned();
    }

    /// Another size of the object with the id.
    pub fn resize(&mut self, id: u32, size: u64) {
        self.nodes.iter_mut().find(|node| node.2 == id).unwrap().3 = size;
    }

    pub fn snapshot(&self) -> Snapshot {
        let mut strings: Vec<&str> = vec!["<dummy>"];
        let mut known: FxHashMap<&str, usize> = FxHashMap::default();
        let mut index = |text| {
            *known.entry(text).or_insert_with(|| {
                strings.push(text);
                strings.len() - 1
            })
        };
        let position =
            |all: &[&str], kind: &str| all.iter().position(|each| *each == kind).unwrap();
        let (mut nodes, mut edges) = (Vec::new(), Vec::new());
        for (at, (kind, name, id, size)) in self.nodes.iter().enumerate() {
            let own: Vec<_> = self.edges.iter().filter(|edge| edge.0 == at).collect();
            nodes.push(format!(
                "{},{},{id},{size},{}",
                position(&NODE_TYPES, kind),
                index(name),
                own.len()
            ));
            for (_, kind, name, to) in own {
                let is_indexed = matches!(*kind, "element" | "hidden");
                let name = if is_indexed { name.parse().unwrap() } else { index(name) };
                edges.push(format!("{},{name},{}", position(&EDGE_TYPES, kind), to * 5));
            }
        }
        let location =
            |(node, script, line): &(usize, u32, u32)| format!("{},{script},{line},0", node * 5);
        let locations: Vec<String> = self.locations.iter().map(location).collect();
        let text = format!(
            r#"{{"snapshot":{{"meta":{{"node_fields":["type","name","id","self_size","edge_count"],"node_types":[{},"string","number","number","number"],"edge_fields":["type","name_or_index","to_node"],"edge_types":[{},"string_or_number","node"],"location_fields":["object_index","script_id","line","column"]}},"node_count":{},"edge_count":{}}},"nodes":[{}],"edges":[{}],"locations":[{}],"strings":{}}}"#,
            serde_json::json!(NODE_TYPES),
            serde_json::json!(EDGE_TYPES),
            nodes.len(),
            edges.len(),
            nodes.join(","),
            edges.join(","),
            locations.join(","),
            serde_json::json!(strings),
        );
        Snapshot::read(std::io::Cursor::new(text.into_bytes()), &unattended).unwrap()
    }
}

/// The global object of [`module`].
const GLOBAL: usize = 1;
/// The context of the module of [`module`].
const MODULE: usize = 2;

/// A global object and the context of a module.
pub(in crate::heap) fn module() -> Graph {
    let mut graph = Graph::new();
    let global = graph.node("object", "global", 3, 16);
    graph.edge(0, "shortcut", "global", global);
    let context = graph.node("object", "system / Context", 5, 32);
    graph.edge(global, "property", "module", context);
    graph
}

/// A program with a Map of `entries` strings that keeps all, one of 16 that keeps the last ones, and much that stays:
/// after `turns` turns of its loop.
pub(in crate::heap) fn program(turns: u32) -> Graph {
    let mut graph = module();
    let context = 2;
    for at in 0..1000 {
        let constant = graph.node("object", &format!("Class{at}"), 1001 + 2 * at, 64);
        graph.edge(context, "context", &format!("constant{at}"), constant);
    }
    for (id, name, first) in [(7, "kept", 0), (9, "recent", turns.saturating_sub(16))] {
        let map = graph.node("object", "Map", id, 32);
        graph.edge(context, "context", name, map);
        // The table is replaced as it fills. Its id lies between those of the last turn's entries and the next one's.
        let table_id = 200_001 + 16 * turns - 8 + (id - 7);
        let table = graph.node("array", "", table_id, u64::from(turns - first) * 24);
        graph.edge(map, "internal", "table", table);
        for turn in first..turns {
            let number = 200_001 + 16 * turn + 2 * (id - 7);
            let key = graph.node("string", &format!("{name}{turn}"), number, 32);
            let value = graph.node("object", "Session", number + 2, 96);
            graph.edge(table, "internal", &(10 + 3 * turn).to_string(), key);
            graph.edge(table, "internal", &(11 + 3 * turn).to_string(), value);
        }
    }
    graph
}
