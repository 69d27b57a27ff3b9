//! The texts of a graph, each once.

use rustc_hash::FxHashMap;

#[derive(Debug, Default)]
pub struct ImageNames {
    list: Vec<String>,
    numbers: FxHashMap<String, u32>,
    indexes: Vec<u32>,
}

impl ImageNames {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        if let Some(&known) = self.numbers.get(text) {
            return known;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(0);
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
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
        self.list.get(number as usize).map_or("", String::as_str)
    }

    pub fn into_list(self) -> Vec<String> {
        self.list
    }
}
