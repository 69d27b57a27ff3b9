//! The rules once more, as sets and by brute force, held against the real thing on random graphs;
//! and what is left of random graphs after hostile mutations.

use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::heap::{EdgeKind, HeapError, NodeKind, Options, Snapshot, describe, unattended};

#[path = "../../fuzz/mutate.rs"]
mod mutate;

const NODE_TYPES: [&str; 8] =
    ["hidden", "array", "string", "object", "closure", "native", "synthetic", "symbol"];
const EDGE_TYPES: [&str; 7] =
    ["context", "element", "property", "internal", "hidden", "shortcut", "weak"];
const NAMES: [&str; 10] = [
    "",
    "a",
    "system / ExternalStringData",
    "(Document DOM trees)",
    "(map descriptors)",
    "system / NativeContext",
    "sloppy_function_map",
    "4",
    "1 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)",
    "2 / part of key (K @3) -> value (V @5) pair in WeakMap (table @7)",
];
const TABLE_ID: u32 = 7;
const FIRST_ENTRY: usize = 8;

#[derive(Debug, Clone)]
struct Node {
    kind: usize,
    name: usize,
    size: u64,
    edges: Vec<Edge>,
}

#[derive(Debug, Clone)]
struct Edge {
    kind: usize,
    name: usize,
    to: usize,
}

#[derive(Debug, Clone)]
struct Graph(Vec<Node>);

fn graphs() -> impl Strategy<Value = Graph> {
    (1usize..20).prop_flat_map(|count| {
        // Strong edges are the rule, so that graphs hang together.
        let kind = prop_oneof![4 => 0usize..5, 2 => 5usize..7, 1 => Just(3)];
        let edge = (kind, 0..NAMES.len(), 0..count);
        let edges = prop::collection::vec(edge, 0..5).prop_map(|edges| {
            edges.into_iter().map(|(kind, name, to)| Edge { kind, name, to }).collect()
        });
        let size = prop_oneof![8 => 0u64..1000, 1 => 4_294_967_290u64..4_294_967_300];
        let node = (0..NODE_TYPES.len(), 0..NAMES.len(), size, edges)
            .prop_map(|(kind, name, size, edges)| Node { kind, name, size, edges });
        prop::collection::vec(node, count).prop_map(Graph)
    })
}

impl Graph {
    fn id(node: usize) -> u32 {
        2 * node as u32 + 1
    }

    fn json(&self, seven: bool) -> String {
        let extra = if seven { ",\"trace_node_id\"" } else { "" };
        let fields = if seven { 7 } else { 6 };
        let separator = if seven { "\n," } else { "," };
        let nodes: Vec<String> = (0..self.0.len())
            .map(|at| {
                let Node { kind, name, size, edges } = &self.0[at];
                let tail = if seven { ",0,0" } else { ",0" };
                format!("{kind},{name},{},{size},{}{tail}", Self::id(at), edges.len())
            })
            .collect();
        let edges: Vec<String> = self
            .edges()
            .map(|(_, edge)| format!("{},{},{}", edge.kind, edge.name, edge.to * fields))
            .collect();
        format!(
            "{{\"snapshot\":{{\"meta\":{{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\
             \"edge_count\"{extra},\"detachedness\"],\"node_types\":[{NODE_TYPES:?},\"string\",\
             \"number\",\"number\",\"number\",\"number\"],\"edge_fields\":[\"type\",\
             \"name_or_index\",\"to_node\"],\"edge_types\":[{EDGE_TYPES:?},\"string_or_number\",\
             \"node\"],\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]}},\
             \"node_count\":{},\"edge_count\":{}}},\n\"nodes\":[{}],\n\"edges\":[{}],\n\
             \"unknown\":[[{{\"deep\":[\"]\"]}}]],\n\"locations\":[0,1,2,3],\n\"strings\":{NAMES:?}}}",
            nodes.len(),
            edges.len(),
            nodes.join(separator),
            edges.join(separator),
        )
    }

    fn edges(&self) -> impl Iterator<Item = (usize, &Edge)> {
        self.0.iter().enumerate().flat_map(|(from, node)| node.edges.iter().map(move |e| (from, e)))
    }

    fn kind(&self, node: usize) -> &str {
        NODE_TYPES[self.0[node].kind]
    }

    fn name(&self, node: usize) -> &str {
        NAMES[self.0[node].name]
    }

    fn is_user_root(&self, node: usize) -> bool {
        self.kind(node) != "synthetic" || self.name(node) == "(Document DOM trees)"
    }

    /// What `edges` reach from `from`, without passing `without`.
    fn reach(
        &self,
        from: BTreeSet<usize>,
        without: Option<usize>,
        edges: &[(usize, usize)],
    ) -> BTreeSet<usize> {
        let mut reached: BTreeSet<usize> =
            from.into_iter().filter(|node| Some(*node) != without).collect();
        loop {
            let more: Vec<usize> = edges
                .iter()
                .filter(|(from, to)| {
                    reached.contains(from) && !reached.contains(to) && Some(*to) != without
                })
                .map(|(_, to)| *to)
                .collect();
            if more.is_empty() {
                return reached;
            }
            reached.extend(more);
        }
    }

    fn shallow(&self) -> Vec<u64> {
        let mut sizes: Vec<u64> = self.0.iter().map(|node| node.size).collect();
        if !self.0[0].edges.iter().any(|edge| self.is_user_root(edge.to)) {
            return sizes;
        }
        let ownable = |node: usize| {
            matches!(self.kind(node), "hidden" | "array")
                || (self.kind(node) == "native" && self.name(node) == NAMES[2])
        };
        let into_ownable: Vec<(usize, usize)> = self
            .edges()
            .filter(|(_, edge)| EDGE_TYPES[edge.kind] != "weak" && ownable(edge.to))
            .map(|(from, edge)| (from, edge.to))
            .collect();
        let mut owners = vec![BTreeSet::new(); self.0.len()];
        for owner in (0..self.0.len()).filter(|node| !ownable(*node)) {
            for owned in self.reach(BTreeSet::from([owner]), None, &into_ownable) {
                if owned != owner {
                    owners[owned].insert(owner);
                }
            }
        }
        for (owned, owners) in owners.iter().enumerate() {
            if let (Some(&owner), 1) = (owners.first(), owners.len())
                && owner != 0
                && self.kind(owner) != "synthetic"
            {
                sizes[owner] += std::mem::take(&mut sizes[owned]);
            }
        }
        sizes
    }

    /// The edges of which dominators are made, those included that hang orphans off the root.
    fn essential(&self) -> Vec<(usize, usize)> {
        let shortcuts = self.0[0].edges.iter().filter(|edge| EDGE_TYPES[edge.kind] == "shortcut");
        let not_weak: Vec<(usize, usize)> = self
            .edges()
            .filter(|(_, edge)| EDGE_TYPES[edge.kind] != "weak")
            .map(|(from, edge)| (from, edge.to))
            .collect();
        let page = self.reach(shortcuts.map(|edge| edge.to).collect(), None, &not_weak);
        let mut essential: Vec<(usize, usize)> = self
            .edges()
            .filter(|(from, edge)| {
                let kind = EDGE_TYPES[edge.kind];
                let table =
                    kind == "internal" && edge.name >= FIRST_ENTRY && Self::id(*from) == TABLE_ID;
                let outside = page.contains(&edge.to) && !page.contains(from);
                !table
                    && kind != "weak"
                    && *from != edge.to
                    && (*from == 0 || (kind != "shortcut" && !outside))
            })
            .map(|(from, edge)| (from, edge.to))
            .collect();
        let orphans: Vec<usize> =
            (1..self.0.len()).filter(|node| essential.iter().all(|(_, to)| to != node)).collect();
        essential.extend(orphans.into_iter().map(|orphan| (0, orphan)));
        let reached = self.reach(BTreeSet::from([0]), None, &essential);
        essential.retain(|(from, _)| reached.contains(from));
        essential.extend((0..self.0.len()).filter(|node| !reached.contains(node)).map(|n| (0, n)));
        essential
    }

    /// For each node those that dominate it, itself included.
    fn dominators(&self) -> Vec<BTreeSet<usize>> {
        let essential = self.essential();
        let mut dominators = vec![BTreeSet::new(); self.0.len()];
        for candidate in 0..self.0.len() {
            let without = self.reach(BTreeSet::from([0]), Some(candidate), &essential);
            for node in (0..self.0.len()).filter(|node| !without.contains(node)) {
                dominators[node].insert(candidate);
            }
        }
        dominators
    }

    /// Distances by relaxation; only where no WeakMap entry makes them depend on an order.
    fn distances(&self) -> Vec<Option<u32>> {
        let skipped = |from: usize, edge: &Edge| {
            let indexed = matches!(EDGE_TYPES[edge.kind], "element" | "hidden");
            let number = if indexed { Some(edge.name) } else { NAMES[edge.name].parse().ok() };
            let hidden_context = self.kind(from) == "hidden" && self.name(from) == NAMES[5];
            EDGE_TYPES[edge.kind] == "weak"
                || (hidden_context && !indexed && edge.name == 6)
                || (self.kind(from) == "array"
                    && self.name(from) == NAMES[4]
                    && number.is_some_and(|number| number >= 2 && number % 3 == 1))
        };
        let relax = |distances: &mut Vec<Option<u32>>, fixed: &[bool]| {
            for _ in 0..self.0.len() {
                for (from, edge) in self.edges().filter(|(from, edge)| !skipped(*from, edge)) {
                    let through = distances[from].map(|distance| distance + 1);
                    if !fixed[edge.to]
                        && through.is_some()
                        && (distances[edge.to].is_none() || through < distances[edge.to])
                    {
                        distances[edge.to] = through;
                    }
                }
            }
        };
        let mut distances = vec![None; self.0.len()];
        for edge in self.0[0].edges.iter().filter(|edge| self.is_user_root(edge.to)) {
            distances[edge.to] = Some(1);
        }
        let system = distances.iter().any(Option::is_some);
        let starts: Vec<bool> = distances.iter().map(Option::is_some).collect();
        relax(&mut distances, &starts);
        let fixed: Vec<bool> = distances.iter().map(Option::is_some).collect();
        distances[0] = Some(if system { 100_000_000 } else { 0 });
        let mut second: Vec<Option<u32>> = vec![None; self.0.len()];
        second[0] = distances[0];
        let mut fixed_or_root = fixed.clone();
        fixed_or_root[0] = true;
        relax(&mut second, &fixed_or_root);
        (0..self.0.len())
            .map(|node| if fixed[node] && node != 0 { distances[node] } else { second[node] })
            .collect()
    }
}

/// Asks for everything that a snapshot can tell.
fn visit(snapshot: &Snapshot) {
    for node in snapshot.nodes() {
        assert!(snapshot.by_id(snapshot.id(node)).is_some());
        assert!(snapshot.retained(node) >= snapshot.shallow(node));
        assert!((snapshot.dominator(node) as usize) < snapshot.node_count());
        let _ = (snapshot.name(node), snapshot.kind(node), snapshot.distance(node));
        let _ = snapshot.location(node);
        for edge in snapshot.edges(node) {
            let _ = snapshot.edge_name(&edge);
            assert!(snapshot.retainers(edge.to).any(|retainer| retainer.from == node));
        }
    }
}

/// The suspects and what counts for none of them are the growth of the heap, to the byte.
fn figures_add_up(snapshots: &[Snapshot]) {
    let found = describe(snapshots, &Options { least_growth: Some(0), ..Options::default() });
    let heap =
        |snapshot: &Snapshot| snapshot.nodes().map(|node| snapshot.shallow(node)).sum::<u64>();
    let [first, .., last] = snapshots else { return };
    let grown = heap(last) as i64 - heap(first) as i64;
    let explained: i64 = match found.suspects.as_slice() {
        [] => found.unconfirmed.iter().map(|each| each.suspect.bytes).sum(),
        suspects => suspects.iter().map(|suspect| suspect.bytes).sum(),
    };
    assert_eq!(explained + found.unexplained.unwrap().bytes, grown);
}

#[test]
fn the_figures_of_a_leak_add_up() {
    use crate::heap::graphs::program;
    figures_add_up(&[program(200).snapshot(), program(400).snapshot(), program(600).snapshot()]);
}

proptest! {
    #[test]
    fn equals_the_rules_on_random_graphs(graph in graphs(), seven: bool) {
        let snapshot = Snapshot::read(graph.json(seven).as_bytes(), &unattended).unwrap();
        visit(&snapshot);
        let (shallow, dominators) = (graph.shallow(), graph.dominators());
        let entries = graph.edges().any(|(_, edge)| edge.name >= FIRST_ENTRY);
        let distances = (!entries).then(|| graph.distances());
        for node in snapshot.nodes() {
            let at = node as usize;
            prop_assert_eq!(snapshot.kind(node).name(), graph.kind(at));
            prop_assert_eq!(snapshot.name(node), graph.name(at));
            prop_assert_eq!(snapshot.id(node), Graph::id(at));
            prop_assert_eq!(snapshot.shallow(node), shallow[at], "shallow size of {}", at);
            // The nearest dominator is the one that the others dominate.
            let idom = dominators[at]
                .iter()
                .filter(|dominator| **dominator != at)
                .max_by_key(|dominator| dominators[**dominator].len());
            prop_assert_eq!(snapshot.dominator(node) as usize, *idom.unwrap_or(&0), "of {}", at);
            let retained: u64 = (0..graph.0.len())
                .filter(|other| dominators[*other].contains(&at))
                .map(|other| shallow[other])
                .sum();
            prop_assert_eq!(snapshot.retained(node), retained, "retained size of {}", at);
            if let Some(distances) = &distances {
                prop_assert_eq!(snapshot.distance(node), distances[at], "distance of {}", at);
            }
            for (edge, expected) in snapshot.edges(node).zip(&graph.0[at].edges) {
                prop_assert_eq!(edge.kind.name(), EDGE_TYPES[expected.kind]);
                prop_assert_eq!(edge.to as usize, expected.to);
            }
        }
    }

    #[test]
    fn survives_hostile_mutations(graph in graphs(), seven: bool, seed: u64) {
        let text = mutate::mutate(graph.json(seven).as_bytes(), seed);
        match Snapshot::read(text.as_slice(), &unattended) {
            Ok(snapshot) => {
                visit(&snapshot);
                let again = Snapshot::read(graph.json(seven).as_bytes(), &unattended).unwrap();
                figures_add_up(&[again, snapshot]);
            }
            Err(error) => prop_assert!(!matches!(error, HeapError::Io(_) | HeapError::Cancelled)),
        }
    }
}

#[test]
fn most_mutations_reach_the_graph() {
    let node = |edges| Node { kind: 3, name: 1, size: 8, edges };
    let edge = |kind, to| Edge { kind, name: 1, to };
    let graph =
        Graph(vec![node(vec![edge(5, 1), edge(2, 2)]), node(vec![edge(0, 2)]), node(vec![])]);
    let text = graph.json(false);
    let reached = (0..1000)
        .filter(|seed| {
            let text = mutate::mutate(text.as_bytes(), *seed);
            Snapshot::read(text.as_slice(), &unattended).is_ok()
        })
        .count();
    assert!(reached > 500, "{reached} of 1000");
}

#[test]
fn a_long_chain_neither_recurses_nor_takes_quadratic_time() {
    let count = 200_000;
    let node = |at: usize| {
        let mut edges = vec![Edge { kind: 2, name: 1, to: (at + 1).min(count - 1) }];
        edges.push(Edge { kind: 3, name: 1, to: at / 2 });
        Node { kind: 3, name: 1, size: 1, edges }
    };
    let graph = Graph((0..count).map(node).collect());
    let snapshot = Snapshot::read(graph.json(true).as_bytes(), &unattended).unwrap();
    for node in [1, 1000, count as u32 - 1] {
        assert_eq!(snapshot.dominator(node), node - 1);
        assert_eq!(snapshot.retained(node), count as u64 - u64::from(node));
        assert_eq!(snapshot.kind(node), NodeKind::Object);
        assert_eq!(
            snapshot.follow(node, EdgeKind::Property, "a"),
            Some((node + 1).min(count as u32 - 1))
        );
    }
}

#[test]
fn counts_that_lie_allocate_nothing() {
    let graph = Graph(vec![Node { kind: 3, name: 1, size: 1, edges: vec![] }]);
    let text = graph.json(false);
    let lie = text.replace("\"node_count\":1", "\"node_count\":500000000");
    assert!(matches!(Snapshot::read(lie.as_bytes(), &unattended), Err(HeapError::Corrupt(_))));
    let huge = text.replace("\"node_count\":1", "\"node_count\":600000000");
    assert!(matches!(Snapshot::read(huge.as_bytes(), &unattended), Err(HeapError::TooLarge(_))));
    let heavy = Graph(vec![Node { kind: 3, name: 1, size: 1 << 54, edges: vec![] }]);
    let text_of_heavy = heavy.json(false);
    assert!(matches!(
        Snapshot::read(text_of_heavy.as_bytes(), &unattended),
        Err(HeapError::Corrupt(_))
    ));
    let edges = text.replace("\"edge_count\":0", "\"edge_count\":18446744073709551615");
    assert!(matches!(Snapshot::read(edges.as_bytes(), &unattended), Err(HeapError::Corrupt(_))));
}
