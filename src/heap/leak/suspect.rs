//! What a report says of a leak.

use serde::Serialize;

use crate::heap::compare::attribution::Claim;
use crate::heap::explain::instance::Instance;
use crate::heap::explain::retaining_path::PathStep;
use crate::heap::explain::sites::Site;
use crate::heap::leak::causes::{Cause, Unit};
use crate::heap::leak::rules::caches::BoundedCache;
use crate::js_source::files::{self, Package};

/// A holder that grows or, where there is one snapshot only, is large: named.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// The kind of leak.
    pub cause: Cause,
    /// The id of the object that grew, by snapshot; none in one that does not have it.
    pub ids: Vec<Option<u32>>,
    /// A variable, a property, an event, a function.
    pub name: String,
    /// An absolute path, or what V8 calls the script; absent where nothing tells.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// Whether it rose from the first snapshot to the second and again to the third.
    pub proven: bool,
    /// By how much it grew from the first snapshot to the last; of one snapshot, what it retains.
    pub bytes: i64,
    /// By how many entries or links; of one snapshot, how many it has. Absent where one thing swells.
    pub count: Option<u64>,
    /// What was counted, where the cause does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// By how much more than in the first snapshot it is, by snapshot; of one snapshot, what it retains.
    pub growth: Vec<i64>,
    /// What counts for it, by snapshot: each object of a snapshot counts for one suspect at most.
    pub retained: Vec<u64>,
    /// In a leak of native memory: by how much that of its objects grew as far as Node counts it, which is not what
    /// libraries and addons allocate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_bytes: Option<i64>,
    /// Whether a registry of Node's own has its objects too, so that not all of `bytes` hangs from what grew alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub registered: bool,
    /// From the module or root down to it.
    pub path: Vec<String>,
    /// The objects from the module or root through what grew down to a typical instance.
    pub retaining_path: Vec<PathStep>,
    /// A typical object of what grew: the end of `retaining_path`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// A phrase for what retains it.
    pub holder: String,
    /// The variable that functions keep alive, where that is most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<String>,
    /// Where the holder lies in node_modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// How full it is, where it is a cache with a bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<BoundedCache>,
    /// The code that made what is new.
    pub sites: Vec<Site>,
    /// The one function of the suspect's file that adds to it, by its source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adder: Option<Adder>,
    /// What to change.
    pub advice: String,
    /// The milliseconds of timers that all have the same.
    #[serde(skip)]
    pub(in crate::heap) delay: Option<u32>,
    /// In a leak of native memory: how many handles of it hang from there.
    #[serde(skip)]
    pub(in crate::heap) handles: u64,
    /// Bytes that hang from it, those that another one holds as well among them: what suspects are ranked by.
    #[serde(skip)]
    pub(in crate::heap) weight: u64,
    /// Whether it is the other end of what a program keeps open: connections that a server accepted.
    #[serde(skip)]
    pub(in crate::heap) is_other_end: bool,
    /// Whether it is listeners that Node itself added: `pipe()` adds one to each of several events.
    #[serde(skip)]
    pub(in crate::heap) is_added_by_node: bool,
    /// What counts for it.
    #[serde(skip)]
    pub(in crate::heap) claim: Claim,
}

/// A function that adds to a suspect.
#[derive(Debug, Serialize)]
pub struct Adder {
    /// Its name.
    pub function: String,
    /// An absolute path.
    pub file: String,
    /// From 1; where its name stands.
    pub line: u32,
    /// From 1.
    pub column: u32,
}

/// What grew and is no suspect, and why.
#[derive(Debug, Serialize)]
pub struct Unconfirmed {
    /// Why it is none.
    pub reason: Reason,
    /// What grew.
    #[serde(flatten)]
    pub suspect: Suspect,
}

/// Why growth is no suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It is less than the least growth that counts.
    Small,
    /// It grew in each interval, and by far less or more in the last one.
    Uneven,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Suspects {
    /// The likeliest first.
    pub suspects: Vec<Suspect>,
    /// What grew, but by too little or too unevenly to be a suspect; the most bytes first.
    pub unconfirmed: Vec<Unconfirmed>,
    /// What was said less for, and why.
    pub notes: Vec<String>,
    /// What grew beside the suspects; none for one snapshot.
    pub unexplained: Option<Unexplained>,
}

/// By how much what counts for no suspect grew from the first snapshot to the last: with the suspects' bytes it adds up
/// to the growth of the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unexplained {
    /// All of it.
    pub bytes: i64,
    /// What of it is code that V8 compiled, and its hidden classes.
    pub code_bytes: i64,
}

impl Suspect {
    pub(in crate::heap) fn is_same(&self, other: &Suspect) -> bool {
        self.cause == other.cause
            && self.name == other.name
            && self.file == other.file
            && self.line == other.line
    }

    /// A WeakMap or FinalizationRegistry of Node's own.
    pub(in crate::heap) fn is_registry_of_node(&self) -> bool {
        self.cause == Cause::Weak && self.is_of_node()
    }

    /// Whether a variable of Node's own code is meant.
    pub(in crate::heap) fn is_of_node(&self) -> bool {
        let module = || self.path.first().and_then(|first| first.strip_prefix("module "));
        self.file.as_deref().or_else(module).is_some_and(files::is_internal)
    }

    /// Joins another one of the same name.
    pub(in crate::heap) fn absorb(&mut self, other: Suspect) {
        self.count = self.count.into_iter().chain(other.count).reduce(|own, other| own + other);
        self.delay = self.delay.filter(|_| self.delay == other.delay);
        self.take_in(other);
    }

    /// Joins what is a part of it: its bytes count for it, and its entries are the same.
    pub(in crate::heap) fn take_in(&mut self, part: Suspect) {
        self.weight += part.weight;
        let retained = self.retained.iter().zip(&part.retained).map(|(own, other)| own + other);
        self.measure(retained.collect());
        self.claim.join(part.claim);
        self.handles += part.handles;
    }

    /// Sets its figures by what counts for it, by snapshot.
    pub(in crate::heap) fn measure(&mut self, retained: Vec<u64>) {
        let first = if retained.len() > 1 { retained[0] } else { 0 };
        self.growth = retained.iter().map(|&bytes| bytes as i64 - first as i64).collect();
        self.bytes = self.growth.last().copied().unwrap_or(0);
        self.retained = retained;
    }

    /// Adds to the name what is only known once all of the same name are found.
    pub(in crate::heap) fn finish(mut self) -> Self {
        if let Some(delay) = self.delay {
            self.name += &format!(", {delay} ms");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::module;
    use crate::heap::leak::rules::testing::{ids, suspect};

    fn list() -> Suspect {
        let mut graph = module();
        let list = graph.variable("list", "Array", 11);
        graph.elements(list, "Item", 1001, 20);
        Suspect { line: Some(7), ..suspect(&graph, 11, &ids(1001, 20)).unwrap() }
    }

    #[test]
    fn two_are_the_same_where_cause_name_file_and_line_are() {
        assert!(list().is_same(&list()));
        for other in [
            Suspect { cause: Cause::Map, ..list() },
            Suspect { name: "other".into(), ..list() },
            Suspect { file: Some("/srv/other.js".into()), ..list() },
            Suspect { line: Some(8), ..list() },
        ] {
            assert!(!list().is_same(&other), "{other:?}");
        }
    }

    #[test]
    fn a_registry_of_nodes_is_a_weak_collection_in_its_own_code() {
        let of = |cause, file: &str| {
            Suspect { cause, file: Some(file.into()), ..list() }.is_registry_of_node()
        };
        assert!(of(Cause::Weak, "node:internal/abort_controller"));
        assert!(!of(Cause::Weak, "/srv/app.js"));
        assert!(!of(Cause::Map, "node:internal/abort_controller"));
        let path = vec!["module node:internal/timers".to_owned(), "lists".to_owned()];
        assert!(Suspect { file: None, path, ..list() }.is_of_node());
    }

    #[test]
    fn two_of_one_name_add_up() {
        let of = |count, delay, retained: [u64; 3], weight, handles| {
            let mut one =
                Suspect { count: Some(count), delay: Some(delay), weight, handles, ..list() };
            one.measure(retained.to_vec());
            one
        };
        let mut one = of(5, 100, [10, 20, 40], 30, 2);
        one.absorb(of(7, 100, [1, 2, 3], 9, 4));
        assert_eq!((one.count, one.delay, one.weight, one.handles), (Some(12), Some(100), 39, 6));
        assert_eq!((&one.retained[..], &one.growth[..]), (&[11, 22, 43][..], &[0, 11, 32][..]));
        assert_eq!(one.bytes, 32);
        one.absorb(of(1, 250, [0, 0, 0], 0, 0));
        assert_eq!(one.delay, None, "they differ");
    }

    #[test]
    fn the_bytes_of_one_snapshot_are_what_is_retained() {
        let mut one = list();
        one.measure(vec![40]);
        assert_eq!((one.bytes, &one.growth[..]), (40, &[40][..]));
        one.measure(vec![40, 30]);
        assert_eq!((one.bytes, &one.growth[..]), (-10, &[0, -10][..]));
        one.measure(Vec::new());
        assert_eq!(one.bytes, 0);
    }

    #[test]
    fn a_delay_that_all_have_is_a_part_of_the_name() {
        assert_eq!(Suspect { delay: Some(250), ..list() }.finish().name, "list, 250 ms");
        assert_eq!(list().finish().name, "list");
    }
}
