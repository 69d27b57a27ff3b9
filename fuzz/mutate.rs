//! Mutations that know what a heap snapshot looks like, so that most of them get past the parser.
//! Shared by the fuzz target and by `cargo test`.

/// A generator of numbers (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number
/// Generators", 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Below `end`; 0 where there is nothing below.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % (end.max(1) as u64)) as usize
    }
}

/// Numbers at which something overflows, wraps or ends.
const EDGES: [&str; 12] = [
    "0",
    "1",
    "536870911",
    "536870912",
    "3758096384",
    "4294967294",
    "4294967295",
    "4294967296",
    "9223372036854775808",
    "18446744073709551615",
    "99999999999999999999",
    "-1",
];

/// Where a section's numbers stand in the text.
fn section(text: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let start = text.find(&format!("\"{name}\":["))? + name.len() + 4;
    Some(start..start + text[start..].find(']')?)
}

fn numbers(text: &str, name: &str) -> Vec<u64> {
    let list = section(text, name).map_or("", |range| &text[range]);
    list.split(',').filter_map(|number| number.trim().parse().ok()).collect()
}

fn replace(text: &mut String, name: &str, numbers: &[u64]) {
    if let Some(range) = section(text, name) {
        let list: Vec<String> = numbers.iter().map(u64::to_string).collect();
        text.replace_range(range, &list.join(","));
    }
}

/// A mutated snapshot: well-formed, as a rule, with another graph in it; now and then anything.
pub fn mutate(text: &[u8], seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let Ok(text) = std::str::from_utf8(text) else { return bytes(text.to_vec(), &mut random) };
    let mut text = text.to_owned();
    rewire(&mut text, &mut random);
    match random.below(10) {
        0 => bytes(text.into_bytes(), &mut random),
        1 => lie(text, &mut random).into_bytes(),
        2 => {
            let length = random.below(text.len());
            text.into_bytes()[..length].to_vec()
        }
        _ => text.into_bytes(),
    }
}

/// Changes what a graph may be: types, names, sizes, ids, targets, and whose edges are whose.
fn rewire(text: &mut String, random: &mut Random) {
    let fields = if text.contains("trace_node_id") { 7 } else { 6 };
    let strings = text.split("\"strings\":[").nth(1).map_or(1, |list| list.split(',').count());
    let (mut nodes, mut edges) = (numbers(text, "nodes"), numbers(text, "edges"));
    let count = nodes.len() / fields;
    for _ in 0..random.below(12) {
        let value = random.next();
        if random.below(3) == 0 && count > 0 {
            let at = random.below(count) * fields;
            match random.below(5) {
                0 => nodes[at] = value % 16,
                1 => nodes[at + 1] = value % strings as u64,
                2 => nodes[at + 2] = value % (2 * count as u64 + 2),
                3 => nodes[at + 3] = value >> (16 + random.below(48)),
                _ => {
                    let other = random.below(count) * fields;
                    let moved = value % nodes[at + 4].saturating_add(1);
                    nodes[at + 4] -= moved;
                    nodes[other + 4] = nodes[other + 4].saturating_add(moved);
                }
            }
        } else if edges.len() >= 3 {
            let at = random.below(edges.len() / 3) * 3;
            match random.below(4) {
                0 => (edges[at], edges[at + 1]) = (value % 7, edges[at + 1] % strings as u64),
                1 => edges[at + 1] = value % strings as u64,
                2 => edges[at + 2] = (value % count.max(1) as u64) * fields as u64,
                _ => {
                    let other = random.below(edges.len() / 3) * 3;
                    edges[at + 2] = edges[other + 2];
                }
            }
        }
    }
    replace(text, "nodes", &nodes);
    replace(text, "edges", &edges);
}

/// Says of one number what is not so.
fn lie(mut text: String, random: &mut Random) -> String {
    let digits: Vec<usize> =
        text.match_indices(|c: char| c.is_ascii_digit()).map(|hit| hit.0).collect();
    if let Some(start) = digits.get(random.below(digits.len())) {
        let rest = &text[*start..];
        let length = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        text.replace_range(*start..start + length, EDGES[random.below(EDGES.len())]);
    }
    text
}

/// Damages single bytes, cuts pieces out and puts them elsewhere.
fn bytes(mut text: Vec<u8>, random: &mut Random) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        if text.is_empty() {
            break;
        }
        let (from, to) = (random.below(text.len()), random.below(text.len()));
        match random.below(4) {
            0 => text[from] = random.next() as u8,
            1 => text[from] = b"[]{},\":\\0-"[random.below(10)],
            2 => drop(text.drain(from.min(to)..from.max(to))),
            _ => {
                let piece = text[from.min(to)..from.max(to)].to_vec();
                text.splice(to..to, piece);
            }
        }
    }
    text
}
