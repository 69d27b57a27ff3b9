//! WeakMap entries. V8 writes an entry's value twice, as an edge of its key and as one of the
//! table, both named `N / part of key (K @1) -> value (V @2) pair in WeakMap (table @3)`
//! (v8/src/profiler/heap-snapshot-generator.cc, ExtractEphemeronHashTableReferences).

use rustc_hash::{FxHashMap, FxHashSet};

use crate::heap::graph::columns::{Columns, Target};
use crate::heap::graph::kind::EdgeKind;
use crate::heap::graph::strings::StringTable;

/// An edge name that belongs to a WeakMap entry.
#[derive(Debug, Clone, Copy)]
pub(in crate::heap) struct WeakMapEntry {
    /// The node id of the table.
    pub table: u64,
    /// The same for both sides of an entry.
    pub pair: u32,
}

/// The entries by the index of the edge's name.
pub(in crate::heap) type WeakMapEntries = FxHashMap<u32, WeakMapEntry>;

/// Finds the names of entries among the strings.
pub(in crate::heap) fn entries(strings: &StringTable) -> WeakMapEntries {
    let mut pairs = FxHashMap::default();
    let mut entries = WeakMapEntries::default();
    for index in strings.containing(b" pair in WeakMap (table @") {
        let name = strings.get(index);
        if let Some((part, table)) = parse(&name) {
            let next = pairs.len() as u32;
            let pair = *pairs.entry(part.to_owned()).or_insert(next);
            entries.insert(index, WeakMapEntry { table, pair });
        }
    }
    entries
}

/// Gives the table's side of each entry its own kind of edge.
pub(in crate::heap) fn mark_tables(columns: &mut Columns, entries: &WeakMapEntries) {
    if entries.is_empty() {
        return;
    }
    let tables: FxHashSet<u64> = entries.values().map(|entry| entry.table).collect();
    for node in 0..columns.node_count() {
        if !tables.contains(&u64::from(columns.ids[node])) {
            continue;
        }
        for edge in columns.edge_range(node) {
            let target = columns.targets[edge];
            if target.kind() == EdgeKind::Internal
                && let Some(entry) = entries.get(&columns.edge_names.get(edge))
                && entry.table == u64::from(columns.ids[node])
            {
                columns.targets[edge] = Target::new(EdgeKind::Ephemeron, target.node() as u32);
            }
        }
    }
}

/// What both sides' names share, and the table's id: DevTools' regular expression
/// `^\d+( / part of key \(.*? @\d+\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\))$`.
fn parse(name: &str) -> Option<(&str, u64)> {
    let part = name.trim_start_matches(|c: char| c.is_ascii_digit());
    if part.len() == name.len() || part.contains(['\n', '\r', '\u{2028}', '\u{2029}']) {
        return None;
    }
    let (rest, table) = strip_id(part)?;
    let entry = rest.strip_suffix(" pair in WeakMap (table")?;
    let entry = entry.strip_prefix(" / part of key (")?;
    let arrow = ") -> value (";
    let splits = entry.match_indices(arrow).any(|(at, _)| {
        let (key, value) = (&entry[..at], &entry[at + arrow.len()..]);
        ends_with_id(key) && value.strip_suffix(')').is_some_and(ends_with_id)
    });
    // An id that no node can have: parseInt makes a large number of it, and so does this.
    splits.then(|| (part, table.parse().unwrap_or(u64::MAX)))
}

/// Takes ` @123)` off the end.
fn strip_id(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_suffix(')')?;
    let (rest, id) = text.rsplit_once(" @")?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some((rest, id))
}

fn ends_with_id(text: &str) -> bool {
    text.rsplit_once(" @")
        .is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use crate::heap::analysis::weak_map::parse;

    #[test]
    fn recognises_entries_as_devtools_does() {
        let name = "12 / part of key (Key @11) -> value (system / Context @7) pair in WeakMap (table @345)";
        assert_eq!(parse(name), Some((&name[2..], 345)));
        let odd = "1 / part of key (a) -> value (b @1) -> value ( @2) pair in WeakMap (table @3)";
        assert_eq!(parse(odd), Some((&odd[1..], 3)));
        for no in [
            " / part of key (K @1) -> value (V @2) pair in WeakMap (table @3)",
            "1 / part of key (K @) -> value (V @2) pair in WeakMap (table @3)",
            "1 / part of key (K @1) -> value (V) pair in WeakMap (table @3)",
            "1 / part of key (K\n @1) -> value (V @2) pair in WeakMap (table @3)",
            "1 / part of key (K @1) -> value (V @2) pair in WeakMap (table @3",
            "1 / part of key (K @1) pair in WeakMap (table @3)",
            "table",
        ] {
            assert_eq!(parse(no), None, "{no}");
        }
    }
}
