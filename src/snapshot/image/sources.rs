//! Strings whose characters are not on V8's heap: Node's own sources, and texts above a megabyte. An image has their
//! first characters and, of the source of a script, the positions of its line ends.

use super::memory::{ProcessMemory, Refused};

/// More scripts, and more external strings, than a service has.
const MOST: usize = 1 << 14;
/// External strings have so many maps at most.
const MAPS: usize = 32;
/// The most bytes of sources that are read.
const BUDGET: usize = 256 << 20;
/// Instance types below are strings.
const STRINGS: u16 = 0x80;
const REPRESENTATION: u16 = 7;
const EXTERNAL: u16 = 2;
const ONE_BYTE: u16 = 8;
/// Set if the string does not have the address of its characters.
const UNCACHED: u16 = 16;
/// Line ends of a record.
const ENDS: usize = 1024;
/// Characters that a heap snapshot shows of a string.
const SHOWN: usize = 1024;

/// An external string.
#[derive(Debug, Clone, Copy)]
struct External {
    at: usize,
    characters: usize,
    length: usize,
    is_one_byte: bool,
}

impl External {
    /// Bytes of a character.
    fn width(&self) -> usize {
        if self.is_one_byte { 1 } else { 2 }
    }
}

/// Scripts and external strings of the pages that were looked at. It allocates only when it is made.
#[derive(Debug)]
pub struct ExternalStrings {
    /// The instance type of scripts.
    script: u16,
    /// Tagged addresses of maps: of scripts, then of external strings with whether these have characters of one byte.
    script_map: usize,
    maps: [(usize, bool); MAPS],
    known: usize,
    lowest: usize,
    highest: usize,
    scripts: Vec<(usize, usize)>,
    externals: Vec<External>,
    budget: usize,
}

impl ExternalStrings {
    /// Allocates what the child needs.
    pub fn new(script: u16) -> Self {
        let (scripts, externals) = (Vec::with_capacity(MOST), Vec::with_capacity(MOST));
        Self { script, scripts, externals, budget: BUDGET, ..Self::none() }
    }

    /// Without room for anything, and without an allocation.
    pub fn none() -> Self {
        Self {
            script: 0,
            script_map: 0,
            maps: [(0, false); MAPS],
            known: 0,
            lowest: usize::MAX,
            highest: 0,
            scripts: Vec::new(),
            externals: Vec::new(),
            budget: 0,
        }
    }

    /// Finds the maps in a page of the read-only heap.
    pub fn find_maps(
        &mut self,
        memory: ProcessMemory,
        at: usize,
        page: &[u8],
    ) -> Result<(), Refused> {
        for offset in (0..page.len().saturating_sub(16)).step_by(8) {
            let kind = (word(page, offset + 8) >> 32) as u16;
            let is_external = kind < STRINGS && kind & (REPRESENTATION | UNCACHED) == EXTERNAL;
            let map = word(page, offset);
            if (kind != self.script && !is_external) || map & 3 != 1 {
                continue;
            }
            // The map of a map of the read-only heap is its own.
            let mut own = [0; 8];
            if !memory.read(map - 1, &mut own)? || usize::from_le_bytes(own) != map {
                continue;
            }
            let tagged = at + offset + 1;
            if kind == self.script {
                self.script_map = tagged;
            } else if let Some(free) = self.maps.get_mut(self.known) {
                *free = (tagged, kind & ONE_BYTE != 0);
                self.known += 1;
            }
            self.lowest = self.lowest.min(tagged);
            self.highest = self.highest.max(tagged);
        }
        Ok(())
    }

    /// Remembers the scripts and external strings of a page.
    pub fn look(&mut self, at: usize, page: &[u8]) {
        let span = self.highest.wrapping_sub(self.lowest);
        if self.script_map == 0 {
            return;
        }
        for offset in (0..page.len().saturating_sub(32)).step_by(8) {
            let map = word(page, offset);
            if map.wrapping_sub(self.lowest) > span {
                continue;
            }
            if map == self.script_map {
                if self.scripts.len() < MOST {
                    self.scripts.push((at + offset, word(page, offset + 8)));
                }
            } else if let Some(&(_, is_one_byte)) =
                self.maps[..self.known].iter().find(|&&(known, _)| known == map)
                && self.externals.len() < MOST
            {
                self.externals.push(External {
                    at: at + offset,
                    characters: word(page, offset + 24),
                    length: word(page, offset + 8) >> 32,
                    is_one_byte,
                });
            }
        }
    }

    /// Calls `write` with each external string and its first characters.
    pub fn texts<E: From<Refused>>(
        &self,
        memory: ProcessMemory,
        buffer: &mut [u8],
        mut write: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for text in &self.externals {
            let length = (text.length.min(SHOWN) * text.width()).min(buffer.len());
            if memory.read(text.characters, &mut buffer[..length])? {
                write(text.at, &buffer[..length])?;
            }
        }
        Ok(())
    }

    /// Calls `write` with each script whose source is an external string and with some of its line ends.
    pub fn line_ends<E: From<Refused>>(
        &mut self,
        memory: ProcessMemory,
        buffer: &mut [u8],
        mut write: impl FnMut(usize, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        for &(script, source) in &self.scripts {
            let Some(text) = self.externals.iter().find(|text| text.at + 1 == source) else {
                continue;
            };
            let bytes = text.length.saturating_mul(text.width());
            if bytes > self.budget {
                continue;
            }
            self.budget -= bytes;
            ends_of(memory, text, buffer, |ends| write(script, ends))?;
        }
        Ok(())
    }
}

fn ends_of<E: From<Refused>>(
    memory: ProcessMemory,
    text: &External,
    buffer: &mut [u8],
    mut write: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let mut ends = Ends { bytes: [0; 4 * ENDS], count: 0, is_return: false };
    let width = text.width();
    let bytes = text.length * width;
    let mut done = 0;
    while done < bytes {
        let length = buffer.len().min(bytes - done);
        let piece = &mut buffer[..length];
        if !memory.read(text.characters.wrapping_add(done), piece)? {
            return Ok(());
        }
        for (index, unit) in piece.chunks_exact(width).enumerate() {
            let unit = u16::from_le_bytes([unit[0], unit.get(1).copied().unwrap_or(0)]);
            ends.see(done / width + index, unit);
            if ends.count + 2 > ENDS {
                write(ends.take())?;
            }
        }
        done += length;
    }
    ends.see(text.length, 0);
    write(ends.take())
}

/// Line ends as V8 counts them.
struct Ends {
    bytes: [u8; 4 * ENDS],
    count: usize,
    /// Whether the character before was a carriage return, which ends a line unless a line feed follows.
    is_return: bool,
}

impl Ends {
    fn see(&mut self, at: usize, unit: u16) {
        const LINE_FEED: u16 = 10;
        if self.is_return && unit != LINE_FEED {
            self.push(at - 1);
        }
        self.is_return = unit == 13;
        if matches!(unit, LINE_FEED | 0x2028 | 0x2029) {
            self.push(at);
        }
    }

    fn push(&mut self, at: usize) {
        let end = u32::try_from(at).unwrap_or(u32::MAX);
        self.bytes[4 * self.count..][..4].copy_from_slice(&end.to_le_bytes());
        self.count += 1;
    }

    fn take(&mut self) -> &[u8] {
        let bytes = &self.bytes[..4 * self.count];
        self.count = 0;
        bytes
    }
}

fn word(bytes: &[u8], offset: usize) -> usize {
    let word = bytes.get(offset..offset + 8).and_then(|word| word.try_into().ok());
    word.map_or(0, usize::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &[u8]) -> Vec<u32> {
        ends_by(text, true, 3)
    }

    /// The line ends of a text in pieces of so many bytes.
    fn ends_by(text: &[u8], is_one_byte: bool, piece: usize) -> Vec<u32> {
        let length = if is_one_byte { text.len() } else { text.len() / 2 };
        let characters = text.as_ptr() as usize;
        let external = External { at: 0, characters, length, is_one_byte };
        let mut found = Vec::new();
        let mut buffer = vec![0; piece];
        ends_of(ProcessMemory::OWN, &external, &mut buffer, |ends| {
            let ends = ends.chunks_exact(4).map(|end| u32::from_le_bytes(end.try_into().unwrap()));
            found.extend(ends);
            Ok::<_, Refused>(())
        })
        .unwrap();
        found
    }

    #[test]
    fn lines_end_as_v8_counts_them() {
        assert_eq!(ends(b"a\nbc\r\n\rd\n"), [1, 5, 6, 8]);
        assert_eq!(ends(b"a\r"), [1]);
        assert_eq!(ends(b""), [0; 0]);
    }

    #[test]
    fn more_line_ends_than_a_record_has_are_complete() {
        let text = [b'\n'; 3 * ENDS];
        assert_eq!(ends(&text), (0..3 * ENDS as u32).collect::<Vec<_>>());
    }

    #[test]
    fn characters_of_two_bytes_count_once() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for piece in [2, 4, 10, 1024] {
            let found = ends_by(&wide("one\ntwo\u{2028}three\r\u{2029}four\n"), false, piece);
            assert_eq!(found, [3, 7, 13, 14, 19], "{piece}");
        }
        // Two ends at a character, right before a record is full.
        let text = "\n".repeat(ENDS - 3) + "\r\u{2028}" + &"\n".repeat(2 * ENDS);
        let last = u32::try_from(text.chars().count()).unwrap();
        assert_eq!(ends_by(&wide(&text), false, 64), (0..last).collect::<Vec<_>>());
    }

    #[test]
    fn sources_are_read_as_far_as_the_budget_goes() {
        let text = [b'\n'; 8];
        let lengths = [6, 5, 3, 2];
        let externals = lengths.map(|length| External {
            at: 100 * length,
            characters: text.as_ptr() as usize,
            length,
            is_one_byte: true,
        });
        let mut sources = ExternalStrings {
            scripts: lengths.map(|length| (length, 100 * length + 1)).to_vec(),
            externals: externals.to_vec(),
            budget: 10,
            ..ExternalStrings::none()
        };
        let mut found = Vec::new();
        sources
            .line_ends(ProcessMemory::OWN, &mut [0; 64], |script, ends| {
                found.push((script, ends.len() / 4));
                Ok::<_, Refused>(())
            })
            .unwrap();
        assert_eq!(found, [(6, 6), (3, 3)]);
    }
}
