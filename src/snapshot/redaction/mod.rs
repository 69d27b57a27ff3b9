//! A snapshot that can leave the company: the graph, the sizes and the names of the code stay,
//! contents and data that serve as names go.
//!
//! The text is rewritten while it streams by. V8 writes nodes and edges first, which refer to names
//! by index, and the strings last; equal strings are one. A content and a name that are equal have to
//! part: string `i` becomes `2 i` where it is a name and `2 i + 1` where it is a content, and what
//! either says is decided at the end, when it is known what the string is used for. Only strings
//! that may stay are held until then.

mod layout;
mod names;
mod role;
mod script;
mod scripts;
mod shapes;
pub mod shown;
mod strings;

use std::sync::Arc;

pub use names::{Key, NameRules, adopt, key, learn_built_in, learn_scripts};

use super::error::SnapshotError;
use layout::{EdgeNameKind, Layout};
use shapes::Shapes;
use strings::StringUses;

/// Takes text from the redactor.
pub type Sink<'a> = dyn FnMut(&[u8]) -> Result<(), SnapshotError> + 'a;

/// How much text is gathered before it is handed on.
const PIECE: usize = 256 * 1024;
/// The header is a few kilobytes.
const LONGEST_HEADER: usize = 64 * 1024;
/// V8 counts strings by int.
const MOST_STRINGS: u64 = 1 << 31;

/// Rewrites one snapshot.
pub struct Redactor {
    stage: Stage,
    /// The key of the top level that was read last.
    key: Vec<u8>,
    header: Vec<u8>,
    layout: Layout,
    record: Record,
    shapes: Shapes,
    strings: StringUses,
    out: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Between the sections.
    Top,
    Key,
    /// In the object `snapshot`.
    Header {
        depth: usize,
        quoted: bool,
    },
    /// In a section of numbers that stay as they are.
    Numbers {
        depth: usize,
    },
    Records(Section),
    Strings,
    String {
        escaped: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Nodes,
    Edges,
    Functions,
}

/// The record that is being read.
#[derive(Debug, Default)]
struct Record {
    column: usize,
    kind: usize,
    /// The number that is being read, once it has a digit.
    number: Option<u64>,
}

impl Redactor {
    /// Keeps the identifiers of the scripts that the snapshot names, and `built_in` ones.
    #[must_use]
    pub fn new(built_in: Arc<NameRules>) -> Self {
        Self {
            stage: Stage::Top,
            key: Vec::new(),
            header: Vec::new(),
            layout: Layout::default(),
            record: Record::default(),
            shapes: Shapes::default(),
            strings: StringUses::new(built_in),
            out: Vec::with_capacity(PIECE + 1024),
        }
    }

    /// Rewrites the next piece of the text.
    ///
    /// # Errors
    /// If the text differs from what V8 writes, because unknown parts may hold secrets; and those of `sink`.
    pub fn write(&mut self, text: &[u8], sink: &mut Sink) -> Result<(), SnapshotError> {
        let mut at = 0;
        while at < text.len() {
            at += match self.stage {
                Stage::String { escaped } => self.string(&text[at..], escaped),
                _ => {
                    self.byte(text[at], sink)?;
                    1
                }
            };
            if self.out.len() >= PIECE {
                sink(&self.out)?;
                self.out.clear();
            }
        }
        sink(&self.out)?;
        self.out.clear();
        Ok(())
    }

    /// Whether the text was complete.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.stage == Stage::Top && self.strings.is_written()
    }

    fn byte(&mut self, byte: u8, sink: &mut Sink) -> Result<(), SnapshotError> {
        match self.stage {
            Stage::Records(section) => return self.record(section, byte),
            Stage::Top => self.top(byte)?,
            Stage::Key => match byte {
                b'"' => self.stage = Stage::Top,
                b'a'..=b'z' | b'_' => self.key.push(byte),
                _ => return Err(unknown()),
            },
            Stage::Header { depth, quoted } => return self.header(byte, depth, quoted),
            Stage::Numbers { depth } => match byte {
                b'[' => self.stage = Stage::Numbers { depth: depth + 1 },
                b']' if depth == 1 => self.stage = Stage::Top,
                b']' => self.stage = Stage::Numbers { depth: depth - 1 },
                b'0'..=b'9' | b'-' | b',' => {}
                byte if byte.is_ascii_whitespace() => {}
                _ => return Err(unknown()),
            },
            Stage::Strings => match byte {
                b'"' => {
                    self.stage = Stage::String { escaped: false };
                    return Ok(());
                }
                b']' => {
                    self.stage = Stage::Top;
                    self.strings.write(&mut self.out, PIECE, sink)?;
                }
                b',' => return Ok(()),
                byte if byte.is_ascii_whitespace() => return Ok(()),
                _ => return Err(unknown()),
            },
            Stage::String { .. } => {}
        }
        self.out.push(byte);
        Ok(())
    }

    fn top(&mut self, byte: u8) -> Result<(), SnapshotError> {
        self.stage = match (byte, self.key.as_slice()) {
            (b'"', _) => {
                self.key.clear();
                Stage::Key
            }
            (b'{', b"snapshot") => {
                self.header.push(byte);
                Stage::Header { depth: 1, quoted: false }
            }
            (b'[', b"nodes") => self.records(Section::Nodes)?,
            (b'[', b"edges") => self.records(Section::Edges)?,
            (b'[', b"trace_function_infos") => self.records(Section::Functions)?,
            (b'[', b"trace_tree" | b"samples" | b"locations") => Stage::Numbers { depth: 1 },
            (b'[', b"strings") => Stage::Strings,
            (b'{', b"") | (b',' | b':' | b'}', _) => Stage::Top,
            (byte, _) if byte.is_ascii_whitespace() => Stage::Top,
            _ => return Err(unknown()),
        };
        Ok(())
    }

    fn records(&mut self, section: Section) -> Result<Stage, SnapshotError> {
        self.record = Record::default();
        // No header, no layout.
        if self.layout.node[0] == 0 { Err(unknown()) } else { Ok(Stage::Records(section)) }
    }

    fn header(&mut self, byte: u8, depth: usize, quoted: bool) -> Result<(), SnapshotError> {
        self.out.push(byte);
        self.header.push(byte);
        let (depth, quoted) = match (byte, quoted) {
            // The text of a header has no escapes.
            (b'\\', _) => return Err(unknown()),
            (b'"', _) => (depth, !quoted),
            (b'{', false) => (depth + 1, false),
            (b'}', false) => (depth - 1, false),
            _ => (depth, quoted),
        };
        self.stage = Stage::Header { depth, quoted };
        if depth == 0 {
            self.layout = Layout::read(&self.header).ok_or_else(unknown)?;
            self.stage = Stage::Top;
        }
        if self.header.len() > LONGEST_HEADER { Err(unknown()) } else { Ok(()) }
    }

    fn record(&mut self, section: Section, byte: u8) -> Result<(), SnapshotError> {
        if byte.is_ascii_digit() {
            let digit = u64::from(byte - b'0');
            let number = self.record.number.unwrap_or(0);
            self.record.number = Some(number.saturating_mul(10).saturating_add(digit));
            return Ok(());
        }
        if let Some(number) = self.record.number.take() {
            self.field(section, number)?;
        }
        if byte == b']' {
            self.stage = Stage::Top;
        } else if byte != b',' && !byte.is_ascii_whitespace() {
            return Err(unknown());
        }
        self.out.push(byte);
        Ok(())
    }

    /// A field of a record is complete.
    fn field(&mut self, section: Section, number: u64) -> Result<(), SnapshotError> {
        let Record { column, kind, .. } = self.record;
        let (width, new) = match section {
            Section::Nodes => self.node(column, kind, number)?,
            Section::Edges => self.edge(column, kind, number)?,
            Section::Functions => {
                let [width, name, script] = self.layout.function;
                let is_name = column == name || column == script;
                (width, if is_name { self.strings.name(number, role::CODE)? } else { number })
            }
        };
        decimal(&mut self.out, new);
        self.record.column = if column + 1 == width { 0 } else { column + 1 };
        Ok(())
    }

    fn node(
        &mut self,
        column: usize,
        kind: usize,
        number: u64,
    ) -> Result<(usize, u64), SnapshotError> {
        let [width, kind_at, name_at, edges_at] = self.layout.node;
        if column == kind_at {
            self.record.kind = usize::try_from(number).map_err(|_| unknown())?;
        } else if column == name_at {
            let role = *self.layout.node_roles.get(kind).ok_or_else(unknown)?;
            return Ok((width, self.strings.name(number, role)?));
        } else if column == edges_at {
            self.shapes.node(u32::try_from(number).map_err(|_| unknown())?);
        }
        Ok((width, number))
    }

    fn edge(
        &mut self,
        column: usize,
        kind: usize,
        number: u64,
    ) -> Result<(usize, u64), SnapshotError> {
        let [width, kind_at, name_at] = self.layout.edge;
        if column == kind_at {
            self.record.kind = usize::try_from(number).map_err(|_| unknown())?;
            return Ok((width, number));
        }
        if column != name_at {
            return Ok((width, number));
        }
        let siblings = self.shapes.edge().ok_or_else(unknown)?;
        let name = match *self.layout.edge_names.get(kind).ok_or_else(unknown)? {
            EdgeNameKind::Slot => number,
            EdgeNameKind::Index => index(number, siblings),
            EdgeNameKind::String(role) => {
                if kind as u64 == self.layout.property {
                    self.shapes.property(number);
                }
                self.strings.name(number, role)?
            }
        };
        for shared in self.shapes.end_of_edge() {
            self.strings.name(shared, role::SHAPE)?;
        }
        Ok((width, name))
    }
}

/// Every number of the file goes through here.
fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// What is shown of an element's index. Those of arrays stay; one that is out of proportion to the
/// number of references is a key of the data, of which the number of digits stays.
fn index(index: u64, siblings: u32) -> u64 {
    const SMALL: u64 = 1 << 16;
    if index < SMALL.max(siblings.into()) { index } else { 10u64.pow(index.ilog10()) }
}

fn unknown() -> SnapshotError {
    SnapshotError::Failed {
        what: "this snapshot's format is not known well enough to redact it".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds and names.
    type Edges<'a> = &'a [(usize, &'a str)];
    use proptest::prelude::*;

    const META: &str = r#""meta":{"node_fields":["type","name","id","self_size","edge_count","detachedness"],
"node_types":[["hidden","array","string","object","code","closure","regexp","number","native","synthetic","concatenated string","sliced string","symbol","bigint","object shape"],"string","number","number","number","number"],
"edge_fields":["type","name_or_index","to_node"],"edge_types":[["context","element","property","internal","hidden","shortcut","weak"],"string_or_number","node"],
"trace_function_info_fields":["function_id","name","script_name","script_id","line","column"],"trace_node_fields":["id"],"sample_fields":["timestamp_us"],"location_fields":["object_index","script_id","line","column"]}"#;

    // Places in the lists of kinds above.
    const HIDDEN: usize = 0;
    const STRING: usize = 2;
    const OBJECT: usize = 3;
    const CODE: usize = 4;
    const CLOSURE: usize = 5;
    const CONTEXT: usize = 0;
    const ELEMENT: usize = 1;
    const PROPERTY: usize = 2;
    const INTERNAL: usize = 3;

    /// A snapshot of nodes (kind, name, edges), whose edges are (kind, name or index).
    fn snapshot(nodes: &[(usize, &str, Edges)]) -> String {
        let mut strings = vec!["<dummy>"];
        let mut index = |text| {
            strings.iter().position(|string| *string == text).unwrap_or_else(|| {
                strings.push(text);
                strings.len() - 1
            })
        };
        let mut rows = [Vec::new(), Vec::new()];
        for (id, (kind, name, edges)) in nodes.iter().enumerate() {
            rows[0].push(format!("{kind},{},{id},8,{},0", index(name), edges.len()));
        }
        for (kind, name) in nodes.iter().flat_map(|(_, _, edges)| *edges) {
            let name = if *kind == ELEMENT { name.parse().unwrap() } else { index(name) };
            rows[1].push(format!("{kind},{name},0"));
        }
        let counts = format!("\"node_count\":{},\"edge_count\":{}", nodes.len(), rows[1].len());
        let [nodes, edges] = rows.map(|rows| rows.join("\n,"));
        let strings = serde_json::to_string(&strings).unwrap();
        format!(
            "{{\"snapshot\":{{{META},{counts},\"trace_function_count\":0}},\n\"nodes\":[{nodes}],\n\"edges\":[{edges}],\n\"trace_function_infos\":[],\n\"trace_tree\":[0,[1,2]],\n\"samples\":[],\n\"locations\":[0,1,2,3],\n\"strings\":{strings}}}"
        )
    }

    fn redact(text: &str, piece: usize) -> Result<String, SnapshotError> {
        let mut names = NameRules::default();
        names.learn(b"Map, known, Symbol.iterator, login, tokens; export const sessions");
        names.insert(b"node:fs");
        let mut redactor = Redactor::new(Arc::new(names));
        let mut out = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            redactor.write(piece, &mut |text| {
                out.extend_from_slice(text);
                Ok(())
            })?;
        }
        assert!(redactor.is_whole());
        Ok(String::from_utf8(out).unwrap())
    }

    /// The names of nodes, and the names or indices of edges, as a reader resolves them.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let json: serde_json::Value = serde_json::from_str(text).unwrap();
        let numbers = |key: &str| {
            json[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect::<Vec<_>>()
        };
        let string = |index: u64| {
            json["strings"][usize::try_from(index).unwrap()].as_str().unwrap().to_owned()
        };
        let nodes = numbers("nodes").chunks(6).map(|node| string(node[1])).collect();
        let edge = |edge: &[u64]| {
            if edge[0] == ELEMENT as u64 { edge[1].to_string() } else { string(edge[1]) }
        };
        (nodes, numbers("edges").chunks(3).map(edge).collect())
    }

    #[test]
    fn what_stays_and_what_goes() {
        let file = std::env::temp_dir().join(format!("plimsoll-{}.mjs", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let path = file.to_str().unwrap();
        let [plain, url] = [path.to_owned(), format!("file://{path}")];
        let [plain_asked, url_asked] = [&plain, &url].map(|name| format!("{name}?secret"));
        let text = snapshot(&[
            (HIDDEN, "system / Map", &[]),
            (STRING, "known", &[]),
            (STRING, "sessions", &[]),
            (STRING, "a \"secret\"\n", &[]),
            (STRING, "😀é", &[]),
            (
                OBJECT,
                "Map",
                &[
                    (PROPERTY, "known"),
                    (PROPERTY, "secret"),
                    (PROPERTY, "<symbol Symbol.iterator>"),
                    (PROPERTY, "127.0.0.1:80:"),
                ],
            ),
            (
                OBJECT,
                "Secret",
                &[(
                    INTERNAL,
                    "7 / part of key (secret @5) -> value (a) -> value (b @6) pair in WeakMap (table @9)",
                )],
            ),
            (CLOSURE, "login", &[(CONTEXT, "tokens"), (PROPERTY, "tokens"), (PROPERTY, "login")]),
            (CODE, &url_asked, &[(ELEMENT, "7"), (ELEMENT, "123456789")]),
            (CODE, &plain_asked, &[]),
            (CODE, "/srv/none.js?secret", &[]),
            (CODE, "secretIdentifier", &[]),
            (CODE, "(secret)", &[]),
            (CODE, "node:secret", &[]),
            (CODE, "node:fs", &[]),
            (CODE, "data:text/javascript,secret", &[]),
            (STRING, &url_asked, &[]),
            (STRING, "data:text/javascript,secret", &[]),
            (STRING, "login", &[]),
            (OBJECT, "Generator", &[]),
        ]);
        let (nodes, edges) = read(&redact(&text, usize::MAX).unwrap());
        let hashed = |name: &str| names::placeholder(name.as_bytes());
        let [data, none, identifier, parens, internal] = [
            "data:text/javascript,secret",
            "/srv/none.js?secret",
            "secretIdentifier",
            "(secret)",
            "node:secret",
        ]
        .map(hashed);
        let secret = hashed("Secret");
        let expected = [
            "system / Map",
            "(length 5)",
            "sessions",
            "(length 11)",
            "(length 3)",
            "Map",
            &secret,
            "login",
            &url,
            &plain,
            &none,
            &identifier,
            &parens,
            &internal,
            "node:fs",
            &data,
            &url,
            &data,
            "(length 5)",
            "Generator",
        ];
        assert_eq!(nodes, expected);
        let [key, port] = ["secret", "127.0.0.1:80:"].map(hashed);
        let entry = "7 / part of key (key @5) -> value (value @6) pair in WeakMap (table @9)";
        assert_eq!(
            edges,
            [
                "known",
                &key,
                "<symbol Symbol.iterator>",
                &port,
                entry,
                "tokens",
                "tokens",
                "login",
                "7",
                "100000000"
            ]
        );
    }

    #[test]
    fn a_shape_of_many_objects_stays() {
        let shape: &[_] = &[(PROPERTY, "customer"), (PROPERTY, "127.0.0.1:80:")];
        let mut nodes = vec![(OBJECT, "Map", shape); 100];
        nodes.push((OBJECT, "Map", &[(PROPERTY, "alice")]));
        let (_, edges) = read(&redact(&snapshot(&nodes), 4096).unwrap());
        let [port, alice] =
            ["127.0.0.1:80:", "alice"].map(|name| names::placeholder(name.as_bytes()));
        assert_eq!(edges[edges.len() - 3..], ["customer".to_owned(), port, alice]);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let text = snapshot(&[(STRING, "a", &[])]);
        for (from, to) in [
            ("\"samples\":[]", "\"titles\":[\"secret\"]"),
            ("\"samples\":[]", "\"samples\":[\"secret\"]"),
            ("\"trace_function_count\":0", "\"title\":\"secret\""),
            ("\"object shape\"", "\"new kind\""),
            ("\"nodes\":[2,", "\"nodes\":[99,"),
            ("\"edges\":[]", "\"edges\":[2,1,0]"),
            ("[\"<dummy>\",\"a\"]", "[\"<dummy>\"]"),
        ] {
            assert!(text.contains(from), "{from}");
            assert!(redact(&text.replacen(from, to, 1), 64).is_err(), "{to}");
        }
    }

    /// What comes of a text in which this is replaced.
    fn replaced(text: &str, from: &str, to: &str) -> Result<String, SnapshotError> {
        assert!(text.contains(from), "{from}");
        redact(&text.replacen(from, to, 1), 64)
    }

    #[test]
    fn what_is_cut_off_is_not_whole() {
        let text = snapshot(&[(OBJECT, "Map", &[(PROPERTY, "known")])]);
        for end in 0..text.len() {
            let mut redactor = Redactor::new(Arc::default());
            let read = redactor.write(&text.as_bytes()[..end], &mut |_| Ok(()));
            // The last byte closes the object: without it the table of strings is whole.
            let is_whole = end + 1 == text.len();
            assert!(read.is_ok() && redactor.is_whole() == is_whole, "{}", &text[..end]);
        }
    }

    #[test]
    fn blanks_between_numbers_and_strings_change_nothing() {
        let text = snapshot(&[(OBJECT, "Map", &[(PROPERTY, "known")])]);
        for (from, to) in [
            ("[0,[1,2]]", "[0, [1,\n2]]"),
            ("\"locations\":[0,1,", "\"locations\":[0,\n1,"),
            ("\"<dummy>\",", "\"<dummy>\",\n "),
            ("\"edges\":[2,", "\"edges\":[2,\n "),
            ("\"samples\":[]", "\"samples\": []"),
        ] {
            let with = replaced(&text, from, to).unwrap();
            assert_eq!(read(&with), read(&redact(&text, 64).unwrap()), "{to}");
        }
    }

    #[test]
    fn a_header_may_name_anything_but_has_no_escapes() {
        let text = snapshot(&[(STRING, "a", &[])]);
        assert!(replaced(&text, "\"object_index\"", "\"object}index{{\"").is_ok());
        let escaped = "\"trace_function_c\\u006funt\":0";
        assert!(replaced(&text, "\"trace_function_count\":0", escaped).is_err());
        let long = format!("\"snapshot\":{{{}", " ".repeat(LONGEST_HEADER));
        assert!(replaced(&text, "\"snapshot\":{", &long).is_err(), "too long");
    }

    #[test]
    fn other_text_between_strings_and_other_orders_of_fields_are_refused() {
        let text = snapshot(&[(OBJECT, "Map", &[(PROPERTY, "known")])]);
        let refused = |from: &str, to: &str| assert!(replaced(&text, from, to).is_err(), "{to}");
        refused("\"<dummy>\",", "\"<dummy>\",secret,");
        // The kind of a name is needed when the name comes.
        let kinds = &text[text.find("\"node_types\":[").unwrap() + 14..];
        let kinds = &kinds[..kinds.find("],").unwrap() + 1];
        let nodes = format!("{kinds},\"string\"");
        let swapped = text.replacen("\"type\",\"name\"", "\"name\",\"type\"", 1);
        let other = replaced(&swapped, &nodes[1..], &format!("\"string\",{}", &kinds[1..]));
        assert!(other.is_err(), "of nodes");
        let edges = r#"["context","element","property","internal","hidden","shortcut","weak"]"#;
        let swapped = text.replacen("\"type\",\"name_or_index\"", "\"name_or_index\",\"type\"", 1);
        let own = format!("{edges},\"string_or_number\"");
        assert!(replaced(&swapped, &own, &format!("\"string_or_number\",{edges}")).is_err());
    }

    #[test]
    fn functions_that_allocated_have_names_of_the_code() {
        let text = snapshot(&[(CLOSURE, "login", &[]), (CLOSURE, "secret", &[])]);
        let infos = "\"trace_function_infos\":[9,1,2,7,8,6,\n9,2,1,7,8,6]";
        let shown = replaced(&text, "\"trace_function_infos\":[]", infos).unwrap();
        let json: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let numbers: Vec<u64> = json["trace_function_infos"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(serde_json::Value::as_u64)
            .collect();
        assert_eq!(numbers, [9, 2, 4, 7, 8, 6, 9, 4, 2, 7, 8, 6]);
        let secret = names::placeholder(b"secret");
        assert_eq!([&json["strings"][2], &json["strings"][4]], ["login", secret.as_str()]);
    }

    #[test]
    fn an_index_stays_if_it_is_small_or_in_proportion() {
        assert_eq!([index(0, 0), index(65_535, 1)], [0, 65_535]);
        assert_eq!([index(65_536, 1), index(987_654, 2)], [10_000, 100_000]);
        assert_eq!([index(123_456, 123_457), index(123_456, 123_456)], [123_456, 100_000]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_content_shows_its_length_whatever_file_it_names() {
        // Of a longer text nothing is kept.
        let path = "/proc/self/status";
        let shown = redact(&snapshot(&[(STRING, path, &[])]), 64).unwrap();
        assert!(shown.contains(&format!("(length {})", path.len())), "{shown}");
        assert!(!shown.contains(path) && !shown.contains("redacted-"), "nor its hash: {shown}");
    }

    #[test]
    fn names_of_v8_stay_where_they_are_names_of_code() {
        let entry = "7 / part of key (a @5) -> value (b @6) pair in WeakMap (table @9)";
        let text = snapshot(&[
            (CODE, "system / Map", &[]),
            (CLOSURE, "Map.login", &[]),
            (CODE, "node:fs", &[]),
            (STRING, "node:fs", &[]),
            (OBJECT, "Map", &[(CONTEXT, ".login"), (CONTEXT, "login.secret"), (PROPERTY, entry)]),
        ]);
        let (nodes, edges) = read(&redact(&text, 64).unwrap());
        assert_eq!(nodes, ["system / Map", "Map.login", "node:fs", "node:fs", "Map"]);
        let [part, key] = ["login.secret", entry].map(|name| names::placeholder(name.as_bytes()));
        assert_eq!(edges, [".login", &part, &key], "a property of that name is data");
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(contents in proptest::collection::vec("secret[\\PC\"\\\\]{0,9}", 1..20), piece in 1usize..200) {
            let edges = contents.iter().map(|key| (PROPERTY, key.as_str())).collect::<Vec<_>>();
            let mut nodes = contents.iter().map(|text| (STRING, text.as_str(), &[][..])).collect::<Vec<_>>();
            nodes.push((OBJECT, "Map", &edges));
            let text = snapshot(&nodes);
            let whole = redact(&text, usize::MAX).unwrap();
            prop_assert_eq!(&redact(&text, piece).unwrap(), &whole);
            prop_assert!(!whole.contains("secret"));
            let (nodes, edges) = read(&whole);
            for (text, shown) in contents.iter().zip(nodes) {
                prop_assert_eq!(shown, format!("(length {})", text.encode_utf16().count()));
            }
            prop_assert!(edges.iter().all(|name| name.starts_with("redacted-")));
        }
    }
}
