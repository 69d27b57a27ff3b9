//! A snapshot made of a heap image, by a Node process of its own: the converter (`lib/snapshot/converter.js`).
//!
//! The image is its standard input and the file of the snapshot its standard output. Its standard error takes the
//! result. The service gives the file its name.

#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    path = "elsewhere.rs"
)]
#[cfg_attr(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"), path = "linux.rs")]
mod platform;

pub use platform::{convert, memory};

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use super::output::{FILE, Output, Written};
use super::redaction;
use super::session::Packing;
use crate::os::system::File;

/// How a converter is started.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The executable and its first arguments.
    pub command: Vec<String>,
    /// The whole environment, as `NAME=value`. That of this process may change while another thread reads it.
    pub environment: Vec<String>,
}

/// What a converter has to do, as JSON in the variable [`VARIABLE`]: only its own user can read that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conversion {
    packing: Packing,
    /// Of the names that are redacted.
    key: redaction::Key,
    /// The service's process id.
    #[cfg_attr(
        not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        allow(dead_code, reason = "no service starts a converter here")
    )]
    parent: u32,
}

/// The variable of the environment that has the request. `lib/snapshot/converter.js` has it too.
pub const VARIABLE: &str = "plimsoll_conversion";

/// What a converter says at its end.
type Answer = Result<Written, SnapshotError>;

impl Conversion {
    /// Whether contents are taken out.
    #[must_use]
    pub fn redacts(&self) -> bool {
        self.packing.redacts()
    }

    /// Makes this process a converter.
    pub fn begin(&self) {
        self.follow_service();
        redaction::adopt(self.key);
    }
}

/// A conversion in the process of a converter.
pub struct Converting {
    output: Option<Output>,
    failure: Option<SnapshotError>,
}

impl Converting {
    /// Begins to write `file`.
    #[must_use]
    pub fn new(conversion: &Conversion, file: std::fs::File) -> Self {
        match conversion.packing.output(File::new(file), Path::new(FILE)) {
            Ok(output) => Self { output: Some(output), failure: None },
            Err(failure) => Self { output: None, failure: Some(failure) },
        }
    }

    /// Adds a piece of the text. False where the rest is not wanted.
    pub fn write(&mut self, text: &[u8]) -> bool {
        let written = self.output.as_mut().map(|output| output.write(text));
        match written {
            Some(Ok(())) => true,
            Some(Err(failure)) => {
                self.fail(failure);
                false
            }
            None => false,
        }
    }

    /// There is no more text, for this reason. The first one counts.
    pub fn fail(&mut self, failure: SnapshotError) {
        self.output = None;
        self.failure.get_or_insert(failure);
    }

    /// The end of the text. What standard error is to have.
    #[must_use]
    pub fn end(&mut self) -> String {
        let answer: Answer = match (self.output.take(), self.failure.take()) {
            (Some(output), None) => output.finish(),
            (_, failure) => Err(failure.unwrap_or_else(ended)),
        };
        // A line of its own: Node may have written there too.
        format!("\n{}\n", serde_json::to_string(&answer).unwrap_or_default())
    }
}

fn ended() -> SnapshotError {
    SnapshotError::Failed { what: "the converter has ended".into() }
}

/// The answer in what standard error had: its last line.
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    allow(dead_code, reason = "there are no images here")
)]
fn answer_of(said: &[u8]) -> Option<Answer> {
    let last = said.split(|&byte| byte == b'\n').rfind(|line| !line.is_empty())?;
    serde_json::from_slice(last).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::error::Shortage;
    use crate::snapshot::testing::TempDir;

    const TEXT: &[u8] = b"{\"snapshot\":{\"node_count\":42},\"strings\":[]}";

    fn converting(name: &str, packing: Packing) -> (TempDir, Converting) {
        let dir = TempDir::new(name);
        let file = std::fs::File::create_new(dir.0.join("file")).unwrap();
        let conversion = Conversion { packing, key: [0; 2], parent: 1 };
        (dir, Converting::new(&conversion, file))
    }

    #[test]
    fn the_answer_is_the_last_line() {
        let (dir, mut converting) = converting("converter-answer", Packing::plain());
        assert!(TEXT.chunks(7).all(|piece| converting.write(piece)));
        let said = format!("(node:7) Warning: slow{}", converting.end());
        let written = Written { bytes: TEXT.len() as u64, nodes: 42 };
        assert_eq!(answer_of(said.as_bytes()), Some(Ok(written)));
        assert_eq!(std::fs::read(dir.0.join("file")).unwrap(), TEXT);
        assert_eq!(
            [answer_of(b""), answer_of(b"\n\n"), answer_of(b"FATAL ERROR\n")],
            [None, None, None]
        );
    }

    #[test]
    fn the_first_failure_is_the_answer() {
        let (_dir, mut bounded) = converting("converter-bound", Packing::plain().bounded(10));
        assert!(bounded.write(&TEXT[..9]) && !bounded.write(&TEXT[9..]) && !bounded.write(TEXT));
        bounded.fail(SnapshotError::Failed { what: "later".into() });
        let Some(Err(SnapshotError::NoRoom { place: Shortage::Budget, .. })) =
            answer_of(bounded.end().as_bytes())
        else {
            panic!("it is past its bound")
        };
        let (_dir, mut damaged) = converting("converter-damaged", Packing::plain());
        assert!(damaged.write(&TEXT[..9]));
        let damage = SnapshotError::Failed { what: "damaged".into() };
        damaged.fail(damage.clone());
        assert!(!damaged.write(TEXT));
        assert_eq!(answer_of(damaged.end().as_bytes()), Some(Err(damage)));
    }

    #[test]
    fn a_text_without_its_end_is_no_snapshot() {
        let (_dir, mut converting) = converting("converter-end", Packing::plain());
        assert!(converting.write(&TEXT[..TEXT.len() - 1]));
        assert!(matches!(answer_of(converting.end().as_bytes()), Some(Err(_))));
        assert_eq!(answer_of(converting.end().as_bytes()), Some(Err(ended())));
    }
}
