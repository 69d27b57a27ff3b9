//! The texts of a graph, each once: one arena of them, and a table of their numbers.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

#[derive(Debug, Default)]
pub struct ImageNames {
    arena: String,
    /// Where the text of each number ends.
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    indexes: Vec<u32>,
}

impl ImageNames {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        let Self { arena, ends, numbers, .. } = self;
        let hash = FxBuildHasher.hash_one(text);
        if let Some(&known) = numbers.find(hash, |&number| of(arena, ends, number) == text) {
            return known;
        }
        let number = u32::try_from(ends.len()).unwrap_or(0);
        arena.push_str(text);
        ends.push(arena.len());
        numbers
            .insert_unique(hash, number, |&number| FxBuildHasher.hash_one(of(arena, ends, number)));
        number
    }

    /// The number of the text of an index.
    pub fn index(&mut self, index: usize) -> u32 {
        const MOST: usize = 1 << 12;
        if index >= MOST {
            return self.number(&index.to_string());
        }
        while self.indexes.len() <= index {
            let number = self.number(&self.indexes.len().to_string());
            self.indexes.push(number);
        }
        self.indexes[index]
    }

    pub fn get(&self, number: u32) -> &str {
        of(&self.arena, &self.ends, number)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Frees what only finds the number of a text.
    pub fn seal(&mut self) {
        (self.numbers, self.indexes) = (HashTable::new(), Vec::new());
    }
}

fn of<'a>(arena: &'a str, ends: &[usize], number: u32) -> &'a str {
    let at = number as usize;
    let start = at.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(at).and_then(|&end| arena.get(start..end)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_has_one_number_whatever_their_number() {
        let mut names = ImageNames::default();
        let texts: Vec<String> = (0..5000).map(|at| "ä".repeat(at % 7) + &at.to_string()).collect();
        let numbers: Vec<u32> = texts.iter().map(|text| names.number(text)).collect();
        let empty = names.number("");
        assert_eq!(texts.iter().map(|text| names.number(text)).collect::<Vec<_>>(), numbers);
        assert_eq!(names.len(), texts.len() + 1);
        names.seal();
        for (text, &number) in texts.iter().zip(&numbers) {
            assert_eq!(names.get(number), text);
        }
        assert_eq!((names.get(empty), names.get(u32::MAX)), ("", ""));
    }

    #[test]
    fn an_index_has_the_number_of_its_text() {
        let mut names = ImageNames::default();
        for index in [0, 3, 4095, 4096, 1 << 20] {
            let number = names.index(index);
            assert_eq!(names.get(number), index.to_string());
            assert_eq!(names.number(&index.to_string()), number);
        }
    }
}
