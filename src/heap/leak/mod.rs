//! Naming a leak from snapshots of one process: what grew, who holds it, what it is called, where it stands in the code.
//!
//! Three snapshots tell a leak from warm-up: what a process fills once rises from the first to the second, and no more.

mod advice;
mod anew;
mod blocks;
mod causes;
mod count;
mod declaration;
mod diff;
mod entries;
#[cfg(test)]
pub(in crate::heap) mod graphs;
mod growth;
mod handles;
mod holders;
mod modules;
mod names;
mod owners;
mod route;
mod scan;
mod scene;
mod single;
mod sites;
mod sourcemap;
mod sources;
mod wasm;

use serde::Serialize;

use super::parallel::both;
use super::report::{Channel, Options};
use super::{Edge, EdgeKind, Node, NodeKind, Snapshot};
use advice::Use;
use causes::{Detail, Finding};
use count::Count;
use growth::{Growth, Series};
use modules::Loading;
use route::Step;
use scene::{Function, Scene};
use sources::Place;

pub use causes::{Cause, Unit};
pub(super) use diff::Numbered;
pub use holders::{Holder, Names};
pub use sites::Site;
pub use sources::Package;

/// A holder that grows or, where there is one snapshot only, is large: named.
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
    /// Whether it rose from the first snapshot to the second and again to the third.
    pub proven: bool,
    /// By how much it grew from the first snapshot to the last; of one snapshot, what it retains.
    pub bytes: u64,
    /// By how many entries or links; of one snapshot, how many it has. Absent where one thing swells.
    pub count: Option<u64>,
    /// What was counted, where the cause does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Its bytes beyond what all snapshots have in common, by snapshot; of one snapshot, what it retains.
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
    /// The milliseconds of timers that all have the same.
    #[serde(skip)]
    delay: Option<u32>,
    /// In a leak of native memory: how many handles of it hang from there.
    #[serde(skip)]
    handles: u64,
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
}

/// Compares snapshots of one process, oldest first. One alone shows what is large, not what grows.
pub fn suspects(snapshots: &[Snapshot], most: usize, options: &Options) -> Suspects {
    let found = match snapshots {
        [] => Suspects { suspects: Vec::new(), unconfirmed: Vec::new(), notes: Vec::new() },
        [one] => Suspects {
            // What is large on the heap says nothing of memory outside of it.
            suspects: if is_native(options) { Vec::new() } else { single::suspects(one, most) },
            unconfirmed: Vec::new(),
            notes: vec!["one snapshot shows what is large, not what grows, so no suspect is proven: take two more with load in between".to_owned()],
        },
        _ => compare(snapshots, most, options),
    };
    let finish =
        |Unconfirmed { reason, suspect }| Unconfirmed { reason, suspect: suspect.finish() };
    Suspects {
        suspects: found.suspects.into_iter().map(Suspect::finish).collect(),
        unconfirmed: found.unconfirmed.into_iter().map(finish).collect(),
        ..found
    }
}

fn is_native(options: &Options) -> bool {
    options.channel == Some(Channel::Native)
}

fn compare(snapshots: &[Snapshot], most: usize, options: &Options) -> Suspects {
    let mut notes = Vec::new();
    if snapshots.len() == 2 {
        notes.push(
            "two snapshots do not tell a leak from warm-up: a third one, later, does".to_owned(),
        );
    }
    let last = &snapshots[snapshots.len() - 1];
    let series = Series::new(snapshots, &options.intervals);
    if series.is_mixed() {
        notes.push("these snapshots do not number objects alike: one was not taken as the others were, or of another process; objects were matched by their paths, which may miss some".to_owned());
    }
    let prepare = || {
        last.index_retainers();
        Scene::new(last)
    };
    let (scene, growths) = both(prepare, || series.growths());
    let (even, uneven): (Vec<Growth>, Vec<Growth>) =
        growths.into_iter().partition(|growth| growth.even);
    let named = |growths: &[Growth]| named(&scene, &series, growths, options);
    let mut suspects = named(&even);
    let least = least_growth(last, options);
    let mut uneven = named(&uneven);
    uneven.retain(|suspect| {
        suspect.bytes >= least && !suspects.iter().any(|known| known.is_same(suspect))
    });
    // The bytes of a native leak lie elsewhere.
    let weight = |suspect: &Suspect| {
        if is_native(options) { suspect.handles } else { suspect.bytes }
    };
    suspects.sort_by_key(|suspect| std::cmp::Reverse(weight(suspect)));
    let fiftieth = suspects.first().map_or(0, |first| weight(first) / 50);
    suspects.retain(|suspect| weight(suspect) >= fiftieth);
    // What Node keeps of the same objects says nothing that they do not say.
    if suspects.first().is_some_and(|first| !first.is_registry_of_node()) {
        suspects.retain(|suspect| !suspect.is_registry_of_node());
    }
    if is_native(options) && suspects.is_empty() {
        notes.push("no objects that have memory outside of the heap grew in number from snapshot to snapshot: what leaks there has no holder on the heap".to_owned());
    }
    if options.channel == Some(Channel::External) && !wasm::buffers_grew(snapshots) {
        wasm::add_memories(&scene, &series, &mut suspects, &mut notes);
    }
    let mut unconfirmed = Vec::new();
    if suspects.first().is_none_or(|first| first.bytes < least) {
        let small = std::mem::take(&mut suspects).into_iter();
        unconfirmed.extend(small.map(|suspect| Unconfirmed { reason: Reason::Small, suspect }));
    }
    let uneven = uneven.into_iter();
    unconfirmed.extend(uneven.map(|suspect| Unconfirmed { reason: Reason::Uneven, suspect }));
    for Unconfirmed { suspect, .. } in &mut unconfirmed {
        suspect.proven = false;
    }
    unconfirmed.sort_by_key(|Unconfirmed { suspect, .. }| std::cmp::Reverse(suspect.bytes));
    suspects.truncate(most);
    unconfirmed.truncate(most);
    Suspects { suspects, unconfirmed, notes }
}

/// Growth of fewer bytes than this is what a process does anyway. What holds memory outside of the heap may take few
/// bytes on it.
fn least_growth(last: &Snapshot, options: &Options) -> u64 {
    const LEAST: u64 = 64 * 1024;
    let share = || last.nodes().map(|node| last.shallow(node)).sum::<u64>() / 100;
    match options.least_growth {
        Some(least) => least,
        None if matches!(options.channel, Some(Channel::External | Channel::Native)) => 0,
        None => LEAST.max(share()),
    }
}

/// The suspects that growths are, those of one name as one.
fn named(scene: &Scene, series: &Series, growths: &[Growth], options: &Options) -> Vec<Suspect> {
    let is_old = |node: Node| series.is_old(node);
    let snapshots = series.snapshots();
    let mut suspects: Vec<Suspect> = Vec::new();
    let mut samples: Vec<&[Node]> = Vec::new();
    for growth in growths.iter().take(MAX_GROWTHS) {
        let gained = count::gained(snapshots, growth, &is_old);
        let Some(mut suspect) = suspect(scene, growth, gained, &is_old) else { continue };
        if suspect.is_bounded_by_node() || goes_with_its_object(scene, growth, &suspect, &is_old) {
            continue;
        }
        if is_native(options) && !suspect.holds_handles(scene, growth, &is_old) {
            continue;
        }
        suspect.proven = snapshots.len() > 2;
        match suspects.iter().position(|known| known.is_same(&suspect)) {
            // What two hold counts for both, and here once.
            Some(twin) if is_shared(samples[twin], &growth.sample) => {}
            Some(twin) => suspects[twin].absorb(suspect),
            None => {
                suspects.push(suspect);
                samples.push(&growth.sample);
            }
        }
    }
    suspects
}

/// Whether it is what Node keeps beside an object without keeping that, and takes away in a turn after a collection has had the
/// object: entries of its own FinalizationRegistries and WeakSets, the timers of `AbortSignal.timeout()`, signals that only
/// Node's own code (fetch) listens to. As many wait as objects have died since: more where there is more to do. Where the
/// objects stay, what holds them grows.
fn goes_with_its_object(
    scene: &Scene,
    growth: &Growth,
    suspect: &Suspect,
    is_old: &dyn Fn(Node) -> bool,
) -> bool {
    match suspect.cause {
        Cause::Weak | Cause::Other => {
            let thing = scene.snapshot.raw_name(growth.thing);
            let is_weak = |class: &[u8]| {
                class.ends_with(b"FinalizationRegistry")
                    || class.ends_with(b"WeakSet")
                    || class == b"system / WeakCell"
            };
            suspect.is_of_node() && is_weak(thing)
        }
        Cause::Timers => sites::are_time_limits(scene, &growth.sample),
        Cause::Listeners => {
            suspect.path.iter().any(|name| name == "gcPersistentSignals")
                && matches!(sites::signals(scene, &growth.sample, is_old), (0, 1..))
        }
        _ => false,
    }
}

/// Whether more than half of the second of two ascending lists is in the first.
fn is_shared(one: &[Node], other: &[Node]) -> bool {
    other.iter().filter(|node| one.binary_search(node).is_ok()).count() * 2 > other.len()
}

/// Growths that are named at all: the rest is small beside them.
const MAX_GROWTHS: usize = 64;

/// Names what grew. Nodes that are not `is_old` are what it consists of.
fn suspect(
    scene: &Scene,
    growth: &Growth,
    mut count: Count,
    is_old: &dyn Fn(Node) -> bool,
) -> Option<Suspect> {
    let loading = modules::loading(scene, &growth.sample, is_old);
    if loading == Some(Loading::Once) {
        return None;
    }
    let is_root = scene.snapshot.kind(growth.thing) == NodeKind::Synthetic;
    let mut steps = if is_root { Vec::new() } else { way(scene, growth, is_old) };
    // Of a chain that a timer has the links say more.
    if let Some(&Step { from, edge }) = steps.last()
        && count.unit == Some(Unit::Links)
        && scene.snapshot.raw_name(from) == b"Timeout"
        && let Some(next) = entries::next_link(scene.snapshot, edge.to, &|_| true, &|_| true)
    {
        steps.push(Step { from: edge.to, edge: next });
    }
    if steps.first().is_some_and(|step| scene.is_our_context(step.from)) {
        return None;
    }
    let Finding { mut cause, mut detail, subject, event, captured, weak_map, mut unit, collection } =
        causes::find(scene, growth.thing, &steps, &growth.sample, is_old);
    let mut named = names::name(scene, &steps[..subject]);
    // How a package has built its tree says nothing, and each update may replace the way to the leaves.
    if matches!(cause, Cause::Map | Cause::Object | Cause::Array)
        && loading.is_none()
        && named.place.as_ref().is_some_and(|place| place.file.contains(sources::PACKAGES))
        && is_tree(scene, &steps)
        && let Some((node, owner)) = names::own(scene, &steps)
    {
        count = Count { number: None, unit: None };
        (cause, named) = (causes::container(scene, node), owner);
    }
    let mut found = sites::sites(scene, cause, &growth.sample, is_old);
    match (cause, detail) {
        (Cause::Listeners, Detail::Plain) if found.is_empty() => {
            detail = Detail::AddedByNode;
            found = sites::waiting_sites(scene, &growth.sample, is_old);
        }
        (_, Detail::Plain) if loading.is_some() => detail = Detail::Modules,
        (Cause::Object, Detail::Plain) if count.unit == Some(Unit::Links) => {
            (detail, unit) = (Detail::Chain, count.unit);
        }
        (Cause::Map | Cause::Set | Cause::Object | Cause::Array, Detail::Plain)
            if count.unit == Some(Unit::Objects) =>
        {
            unit = count.unit;
        }
        (Cause::Map | Cause::Set | Cause::Object | Cause::Array, Detail::Plain)
            if named.place.as_ref().is_some_and(|place| sources::is_internal(&place.file)) =>
        {
            detail = Detail::OfNode;
        }
        _ => {}
    }
    let number = match detail {
        Detail::DerivedSignals => match sites::signals(scene, &growth.sample, is_old) {
            (0, _) => count.number,
            (listened, all) => count.number.map(|number| number * listened / all),
        },
        _ => count.number,
    };
    // A value that only a WeakMap's key leads to is called as the WeakMap is.
    let table = weak_map
        .map(|node| names::name(scene, &route::route(scene, node, is_old)))
        .filter(|table| !table.name.is_empty());
    let (name, place) = match cause {
        Cause::Listeners => (
            event.clone().unwrap_or(named.name),
            found.first().map(|site| site.0.place.clone()).or(named.place),
        ),
        Cause::Timers => {
            let function = found.first().map(|site| &site.0);
            let name = sites::timer_name(scene, &growth.sample, function, is_old);
            (name, function.map(|function| function.place.clone()))
        }
        Cause::Weak if table.is_some() => {
            table.map(|table| (table.name, table.place)).unwrap_or_default()
        }
        _ => (named.name, named.place),
    };
    let open = if name.is_empty() && cause == Cause::Other {
        handles::handles(scene, &growth.sample, is_old).map(|found| found.class)
    } else {
        None
    };
    if open.is_some() {
        detail = Detail::Open;
    } else if is_root && cause == Cause::Other {
        return None;
    }
    let name = open.unwrap_or(name);
    // Where Node itself holds it, what the program gave to Node is the place to look at.
    let place = place.filter(|place| found.is_empty() || !sources::is_internal(&place.file));
    let place = place.or_else(|| found.first().map(|site| site.0.place.clone()));
    if name.is_empty() && place.is_none() {
        return None;
    }
    let package = place.as_ref().and_then(|place| sources::package_of(&place.file));
    // What a package is given, functions of any kind, is taken back from it.
    if cause == Cause::Closure && package.is_some() {
        cause = collection.unwrap_or(cause);
    }
    let mut path = named.path;
    if cause == Cause::Listeners && path.last() != Some(&name) {
        path.push(name.clone());
    }
    Some(Suspect {
        cause,
        advice: advice::advice(
            cause,
            detail,
            event.as_deref(),
            captured.as_deref(),
            package.as_ref().map(|package| (package, used(scene, &found, &steps))),
        ),
        delay: (cause == Cause::Timers).then(|| sites::delay(scene, &steps)).flatten(),
        handles: 0,
        name,
        file: place.as_ref().map(|place| place.file.clone()),
        line: place.as_ref().map(|place| place.line),
        column: place.as_ref().map(|place| place.column),
        proven: false,
        bytes: growth.grown(),
        count: number,
        unit,
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

/// What of it is the application's: the function that most of what is new leads to, or else the variable that the route
/// begins with.
fn used(scene: &Scene, sites: &[(Function, f64)], steps: &[Step]) -> Option<Use> {
    let is_own = |place: &Place| sources::is_application(&place.file);
    let at = |place: &Place| format!("{}:{}", names::short(&place.file), place.line);
    if let Some((Function { name, place, .. }, _)) =
        sites.first().filter(|site| is_own(&site.0.place))
    {
        let named = if name.is_empty() { at(place) } else { format!("{name} ({})", at(place)) };
        return Some(Use::Adds(named));
    }
    let (name, place) = names::variable(scene, steps.first()?)?;
    is_own(&place).then(|| Use::Holds(format!("`{name}` ({})", at(&place))))
}

/// Whether what grew is a level of a tree, or has one: an array of objects that have each an array under its name.
fn is_tree(scene: &Scene, steps: &[Step]) -> bool {
    let edges = |node| scene.snapshot.edges(node);
    let is_level = |level: Edge| {
        let is_next = |edge: Edge| (edge.kind, edge.name) == (EdgeKind::Property, level.name);
        let mut entries = edges(level.to).filter(|edge| edge.kind == EdgeKind::Element);
        entries.any(|entry| edges(entry.to).any(is_next))
    };
    let last = steps.last().map(|step| step.edge);
    last.is_some_and(|last| is_level(last) || edges(last.to).any(is_level))
}

/// The route to what grew; to the head where it is a link of a chain.
fn way(scene: &Scene, growth: &Growth, is_old: &dyn Fn(Node) -> bool) -> Vec<Step> {
    let class = |node| (scene.snapshot.kind(node), scene.snapshot.name_index(node));
    let is_link = growth.slot.holder != growth.thing
        && (class(growth.slot.holder) == class(growth.thing)
            || scene.snapshot.raw_name(growth.thing) == b"Timeout")
        && !anew::is_collection(scene.snapshot, growth.thing);
    match is_link.then(|| route::chain_head(scene, growth.thing, is_old)).flatten() {
        Some(head) => {
            let mut steps = route::route(scene, head.from, is_old);
            steps.push(head);
            steps
        }
        None => route::before_chain(scene, route::route(scene, growth.thing, is_old)),
    }
}

impl Suspect {
    /// Whether handles of native memory hang from what grew; then the advice is about them.
    fn holds_handles(
        &mut self,
        scene: &Scene,
        growth: &Growth,
        is_old: &dyn Fn(Node) -> bool,
    ) -> bool {
        let Some(found) = handles::handles(scene, &growth.sample, is_old) else { return false };
        self.handles =
            (self.count.unwrap_or(growth.sample.len() as u64) * found.percent).div_ceil(100);
        self.advice = advice::of_handles(&found.class, self.package.as_ref());
        true
    }

    fn is_same(&self, other: &Suspect) -> bool {
        self.cause == other.cause
            && self.name == other.name
            && self.file == other.file
            && self.line == other.line
    }

    /// The entries of performance.getEntriesByType('resource'), one for each fetch: Node keeps 250 of them
    /// (lib/internal/perf/observe.js), so a process that has made fewer only fills the buffer. And Node's own modules and
    /// bindings, each of which is loaded once, when something first needs it (lib/internal/bootstrap/realm.js).
    fn is_bounded_by_node(&self) -> bool {
        let is_module = self.name == "exports" && self.holder == "object BuiltinModule"
            || self.file.as_deref() == Some("node:internal/bootstrap/realm")
            || (self.name == "exports" && self.is_of_node());
        let is_buffer = self.name == "resourceTimingBuffer"
            && self.file.as_deref() == Some("node:internal/perf/observe");
        is_module || is_buffer
    }

    /// A WeakMap or FinalizationRegistry of Node's own.
    fn is_registry_of_node(&self) -> bool {
        self.cause == Cause::Weak && self.is_of_node()
    }

    /// Whether a variable of Node's own code is meant.
    fn is_of_node(&self) -> bool {
        let module = || self.path.first().and_then(|first| first.strip_prefix("module "));
        self.file.as_deref().or_else(module).is_some_and(sources::is_internal)
    }

    fn absorb(&mut self, other: Suspect) {
        self.bytes += other.bytes;
        self.count = self.count.into_iter().chain(other.count).reduce(|own, other| own + other);
        self.handles += other.handles;
        self.growth.iter_mut().zip(other.growth).for_each(|(sum, bytes)| *sum += bytes);
        self.delay = self.delay.filter(|_| self.delay == other.delay);
    }

    /// Adds to the name what is only known once all of the same name are found.
    fn finish(mut self) -> Self {
        if let Some(delay) = self.delay {
            self.name += &format!(", {delay} ms");
        }
        self
    }
}
