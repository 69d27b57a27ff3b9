//! Naming a leak from snapshots of one process: what grew, who holds it, what it is called, where it stands in the code.
//!
//! Three snapshots tell a leak from warm-up: what a process fills once rises from the first to the second, and no more.

mod advice;
mod causes;
mod declaration;
mod diff;
mod entries;
#[cfg(test)]
mod graphs;
mod growth;
mod names;
mod owners;
mod route;
mod scene;
mod sites;
mod sourcemap;
mod sources;

use serde::Serialize;

use super::report::Channel;
use super::{Node, Snapshot};
use causes::Finding;
use growth::{Growth, Series};
use route::Step;
use scene::Scene;

pub use causes::Cause;
pub use sites::Site;
pub use sources::Package;

/// A holder that grows, named.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Suspect {
    /// The kind of leak.
    pub cause: Cause,
    /// A variable, a property, an event, a function.
    pub name: String,
    /// An absolute path, or what V8 calls the script; absent where nothing tells.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// By how much it grew from the first snapshot to the last.
    pub bytes: u64,
    /// By how many entries.
    pub count: u64,
    /// Its bytes beyond what all snapshots have in common, by snapshot.
    pub growth: Vec<u64>,
    /// From the module or root down to it.
    pub path: Vec<String>,
    /// What holds it, in words.
    pub holder: String,
    /// The variable that functions keep alive, where that is most of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<String>,
    /// Where the holder lies in node_modules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<Package>,
    /// The code that made what is new.
    pub sites: Vec<Site>,
    /// What to change.
    pub advice: String,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Suspects {
    /// The likeliest first.
    pub suspects: Vec<Suspect>,
    /// What was said less for, and why.
    pub notes: Vec<String>,
}

/// Compares snapshots of one process, oldest first. One alone shows no growth.
pub fn suspects(snapshots: &[Snapshot], most: usize, channel: Option<Channel>) -> Suspects {
    let mut notes = Vec::new();
    let series = match Series::new(snapshots) {
        Some(series) if snapshots.len() > 1 => series,
        _ => {
            notes.push("one snapshot shows what is there, not what grows: take two more with load in between".to_owned());
            return Suspects { suspects: Vec::new(), notes };
        }
    };
    if snapshots.len() == 2 {
        notes.push(
            "two snapshots do not tell a leak from warm-up: a third one, later, does".to_owned(),
        );
    }
    if !series.by_id() {
        notes.push("the object ids of these snapshots are not those of one numbering: objects were matched by their paths".to_owned());
    }
    let scene = Scene::new(&snapshots[snapshots.len() - 1]);
    let growths = series.growths();
    let mut suspects: Vec<Suspect> = Vec::new();
    for growth in growths.iter().take(MAX_GROWTHS) {
        let Some(suspect) = suspect(&scene, snapshots, &series, growth) else { continue };
        let twin = suspects.iter_mut().find(|known| known.is_same(&suspect));
        match twin {
            Some(twin) => twin.absorb(suspect),
            None => suspects.push(suspect),
        }
    }
    suspects.sort_by_key(|suspect| std::cmp::Reverse(suspect.bytes));
    let least = suspects.first().map_or(0, |first| first.bytes / 50);
    suspects.retain(|suspect| suspect.bytes >= least);
    let is_external = |suspect: &Suspect| suspect.cause == Cause::Buffers;
    if channel == Some(Channel::External) && !suspects.iter().any(is_external) {
        add_wasm_memories(&scene, &series, &mut suspects, &mut notes);
    }
    suspects.truncate(most);
    Suspects { suspects, notes }
}

/// From Node 26 on a WebAssembly memory shows its size only while a program looks at its buffer. Where memory outside of
/// the heap grows and no buffer does, it is likely to be one of these.
fn add_wasm_memories(
    scene: &Scene,
    series: &Series,
    suspects: &mut Vec<Suspect>,
    notes: &mut Vec<String>,
) {
    let snapshot = scene.snapshot;
    let is_memory = |&node: &Node| {
        snapshot.raw_name(node) == b"Memory"
            && series.is_old(node)
            && scene
                .property(node, "__proto__")
                .is_some_and(|proto| snapshot.raw_name(proto) == b"WebAssembly.Memory")
    };
    for node in snapshot.nodes().filter(is_memory).take(MAX_GROWTHS) {
        let steps = route::route(scene, node, &|node| series.is_old(node));
        let named = names::name(scene, &steps);
        let Some(place) = named.place.filter(|place| !sources::is_internal(&place.file)) else {
            continue;
        };
        let package = sources::package_of(&place.file);
        let mut path = named.path;
        path.push("WebAssembly.Memory".to_owned());
        suspects.insert(
            0,
            Suspect {
                cause: Cause::Buffers,
                advice: advice::advice(Cause::Buffers, &named.name, None, package.as_ref()),
                name: named.name,
                file: Some(place.file),
                line: Some(place.line),
                column: Some(place.column),
                bytes: 0,
                count: 0,
                growth: Vec::new(),
                path,
                holder: named.holder,
                captured: None,
                package,
                sites: Vec::new(),
            },
        );
        notes.push("these snapshots do not tell the size of WebAssembly memory: it is listed because memory outside of the heap grew and no buffer did".to_owned());
    }
    notes.dedup();
}

/// Something large and what holds it.
#[derive(Debug, Serialize)]
pub struct Holder {
    /// The variable or property.
    pub name: String,
    /// What it is: its constructor.
    pub constructor: String,
    /// V8's id of the object.
    pub id: u32,
    /// Where it is declared.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// What would be freed with it.
    pub retained: u64,
    /// From the module or root down to it.
    pub path: Vec<String>,
}

/// Names for the objects of one snapshot.
pub struct Names<'s> {
    scene: Scene<'s>,
}

impl<'s> Names<'s> {
    /// Learns which script is which.
    pub fn new(snapshot: &'s Snapshot) -> Self {
        Names { scene: Scene::new(snapshot) }
    }

    /// The variables and properties behind objects, one for each place; what lies within another is left out.
    pub fn holders(&self, nodes: &[Node], most: usize) -> Vec<Holder> {
        let snapshot = self.scene.snapshot;
        let mut holders: Vec<(Node, Holder)> = Vec::new();
        for &node in nodes {
            let is_within = |outer: &(Node, Holder)| {
                let mut at = node;
                std::iter::from_fn(|| {
                    let above = snapshot.dominator(at);
                    let moved = above != at;
                    at = above;
                    moved.then_some(above)
                })
                .take(64)
                .any(|above| above == outer.0)
            };
            if holders.len() >= most || holders.iter().any(is_within) {
                continue;
            }
            let steps = route::route(&self.scene, node, &|_| true);
            let named = names::name(&self.scene, &steps);
            let is_own =
                named.place.as_ref().is_some_and(|place| !sources::is_internal(&place.file));
            if named.name.is_empty() || !is_own {
                continue;
            }
            let holder = Holder {
                name: named.name,
                constructor: snapshot.name(node).into_owned(),
                id: snapshot.id(node),
                file: named.place.as_ref().map(|place| place.file.clone()),
                line: named.place.as_ref().map(|place| place.line),
                retained: snapshot.retained(node),
                path: named.path,
            };
            holders.push((node, holder));
        }
        holders.into_iter().map(|found| found.1).collect()
    }

    /// The way to an object, one line a reference, from the module or root down.
    pub fn path_to(&self, node: Node) -> Vec<String> {
        names::path(&self.scene, &route::route(&self.scene, node, &|_| true))
    }

    /// The script of a function, or of an instance's class.
    pub fn script(&self, node: Node) -> Option<&str> {
        self.scene.script(node)
    }

    /// The package of a script, `(application)` or `(node)`.
    pub fn package(&self, script: &str) -> String {
        if sources::is_internal(script) {
            return "(node)".to_owned();
        }
        sources::package_of(&sources::path_of(script)).map_or_else(
            || "(application)".to_owned(),
            |package| match package.version {
                Some(version) => format!("{}@{version}", package.name),
                None => package.name,
            },
        )
    }
}

/// Growths that are named at all: the rest is small beside them.
const MAX_GROWTHS: usize = 64;

fn suspect(
    scene: &Scene,
    snapshots: &[Snapshot],
    series: &Series,
    growth: &Growth,
) -> Option<Suspect> {
    let is_old = |node: Node| series.is_old(node);
    let steps = way(scene, growth, &is_old);
    let Finding { cause, subject, event, captured, weak_map } =
        causes::find(scene, growth.thing, &steps, &growth.sample, &is_old);
    let named = names::name(scene, &steps[..subject]);
    let found = sites::sites(scene, cause, &growth.sample, &is_old);
    // A value that only a WeakMap's key leads to is called as the WeakMap is.
    let table = weak_map
        .map(|node| names::name(scene, &route::route(scene, node, &is_old)))
        .filter(|table| !table.name.is_empty());
    let (name, place) = match cause {
        Cause::Listeners => (
            event.unwrap_or(named.name),
            found.first().map(|site| site.0.place.clone()).or(named.place),
        ),
        Cause::Timers => {
            let function = found.first().map(|site| &site.0);
            let name = sites::timer_name(scene, &growth.sample, function, &is_old);
            (name, function.map(|function| function.place.clone()))
        }
        Cause::Weak if table.is_some() => {
            table.map(|table| (table.name, table.place)).unwrap_or_default()
        }
        _ => (named.name, named.place),
    };
    // Where Node itself holds it, what the program gave to Node is the place to look at.
    let place = place.filter(|place| found.is_empty() || !sources::is_internal(&place.file));
    let place = place.or_else(|| found.first().map(|site| site.0.place.clone()));
    if name.is_empty() && place.is_none() {
        return None;
    }
    let package = place.as_ref().and_then(|place| sources::package_of(&place.file));
    let mut path = named.path;
    if cause == Cause::Listeners && path.last() != Some(&name) {
        path.push(name.clone());
    }
    Some(Suspect {
        cause,
        advice: advice::advice(cause, &name, captured.as_deref(), package.as_ref()),
        name,
        file: place.as_ref().map(|place| place.file.clone()),
        line: place.as_ref().map(|place| place.line),
        column: place.as_ref().map(|place| place.column),
        bytes: growth.grown(),
        count: entries_grown(snapshots, growth),
        growth: growth.bytes.clone(),
        path,
        holder: named.holder,
        captured,
        package,
        sites: found
            .into_iter()
            .map(|(function, share)| Site {
                function: function.name,
                file: function.place.file,
                line: function.place.line,
                column: function.place.column,
                share,
            })
            .collect(),
    })
}

/// The route to what grew; to the head where it is a link of a chain.
fn way(scene: &Scene, growth: &Growth, is_old: &dyn Fn(Node) -> bool) -> Vec<Step> {
    let class = |node| (scene.snapshot.kind(node), scene.snapshot.name_index(node));
    let is_link =
        growth.slot.holder != growth.thing && class(growth.slot.holder) == class(growth.thing);
    match is_link.then(|| route::chain_head(scene, growth.thing, is_old)).flatten() {
        Some(head) => {
            let mut steps = route::route(scene, head.from, is_old);
            steps.push(head);
            steps
        }
        None => route::before_chain(scene, route::route(scene, growth.thing, is_old)),
    }
}

/// Entries of a collection; objects that hang from anything else.
fn entries_grown(snapshots: &[Snapshot], growth: &Growth) -> u64 {
    let last = &snapshots[snapshots.len() - 1];
    let now = entries::count(last, growth.thing);
    let before = growth
        .before
        .first()
        .filter(|&&node| node != diff::NONE)
        .map(|&node| entries::count(&snapshots[0], node));
    let entries = before.map_or(0, |before| now.saturating_sub(before));
    let objects = growth
        .objects
        .last()
        .zip(growth.objects.first())
        .map_or(0, |(last, first)| last.saturating_sub(*first));
    if entries > 1 { entries } else { objects }
}

impl Suspect {
    fn is_same(&self, other: &Suspect) -> bool {
        self.cause == other.cause
            && self.name == other.name
            && self.file == other.file
            && self.line == other.line
    }

    fn absorb(&mut self, other: Suspect) {
        self.bytes += other.bytes;
        self.count += other.count;
        self.growth.iter_mut().zip(other.growth).for_each(|(sum, bytes)| *sum += bytes);
    }
}
