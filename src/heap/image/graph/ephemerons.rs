//! Entries of WeakMaps, whose value is reached if the table and the key are.

use rustc_hash::FxHashMap;

/// An entry whose key is not reached yet.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    value: u64,
    table: u32,
    /// The number of another entry of the key.
    next: Option<u32>,
}

/// Tables, and entries that wait for their keys.
#[derive(Debug, Default)]
pub struct Ephemerons {
    /// The node of each table, by its address.
    tables: FxHashMap<u64, u32>,
    /// Tables whose entries were not looked at.
    new: Vec<(u64, u32)>,
    waiting: Vec<Waiting>,
    /// The last entry of each key.
    by_key: FxHashMap<u64, u32>,
    /// Up to this node, entries do not wait for it.
    pub followed: usize,
}

impl Ephemerons {
    /// Adds a table, once.
    pub fn add(&mut self, table: u64, node: u32) {
        if self.tables.insert(table, node).is_none() {
            self.new.push((table, node));
        }
    }

    pub fn contains(&self, table: u64) -> bool {
        self.tables.contains_key(&table)
    }

    /// The tables that were added since the last call.
    pub fn take_new(&mut self) -> Vec<(u64, u32)> {
        std::mem::take(&mut self.new)
    }

    /// Adds an entry whose key is not reached. More entries than numbers do not fit into memory.
    pub fn wait(&mut self, key: u64, value: u64, table: u32) {
        if let Ok(number) = u32::try_from(self.waiting.len()) {
            let next = self.by_key.insert(key, number);
            self.waiting.push(Waiting { value, table, next });
        }
    }

    /// Values and tables of the entries that wait for a key, which do not wait any more.
    pub fn of_key(&mut self, key: u64) -> Vec<(u64, u32)> {
        let mut found = Vec::new();
        let mut at = self.by_key.remove(&key);
        while let Some(entry) = at.and_then(|at| self.waiting.get(at as usize)) {
            found.push((entry.value, entry.table));
            at = entry.next;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_wait_for_their_key_once() {
        let mut tables = Ephemerons::default();
        tables.wait(8, 80, 1);
        tables.wait(16, 160, 1);
        tables.wait(8, 81, 2);
        assert_eq!(tables.of_key(8), [(81, 2), (80, 1)]);
        assert_eq!(tables.of_key(8), []);
        assert_eq!(tables.of_key(16), [(160, 1)]);
        assert_eq!(tables.of_key(24), []);
    }

    #[test]
    fn a_table_is_new_once() {
        let mut tables = Ephemerons::default();
        tables.add(8, 1);
        tables.add(8, 1);
        assert_eq!(tables.take_new(), [(8, 1)]);
        tables.add(8, 1);
        assert_eq!(tables.take_new(), []);
        assert!(tables.contains(8) && !tables.contains(16));
    }
}
