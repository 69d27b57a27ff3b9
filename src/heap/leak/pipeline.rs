//! From snapshots to suspects: what grew, named by the rules, the likeliest first.

use crate::heap::compare::attribution::{Attribution, Claim, attribute, is_of_node};
use crate::heap::compare::growth::Growth;
use crate::heap::compare::ids::NONE;
use crate::heap::compare::owners::Held;
use crate::heap::compare::series::Series;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::NodeKind;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::naming::{self, MAX_GROWTHS};
use crate::heap::leak::rules::{RULES, native_handles, wasm};
use crate::heap::leak::suspect::{Reason, Suspect, Suspects, Unconfirmed, Unexplained};
use crate::heap::leak::{count, parts, single};
use crate::heap::options::{GrowthChannel, Options};
use crate::heap::parallel::both;
use crate::heap::snapshot::{Node, Snapshot};

/// Compares snapshots of one process, oldest first. One alone shows what is large, not what grows.
pub fn suspects(snapshots: &[Snapshot], most: usize, options: &Options) -> Suspects {
    let found = match snapshots {
        [] => Suspects { suspects: Vec::new(), unconfirmed: Vec::new(), notes: Vec::new(), unexplained: None },
        [one] => Suspects {
            // What is large on the heap says nothing of memory outside of it.
            suspects: if is_native(options) { Vec::new() } else { single::suspects(one, most) },
            unconfirmed: Vec::new(),
            notes: vec!["one snapshot shows what is large, not what grows, so no suspect is proven: take two more with load in between".to_owned()],
            unexplained: None,
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
    options.channel == Some(GrowthChannel::Native)
}

fn compare(snapshots: &[Snapshot], most: usize, options: &Options) -> Suspects {
    let mut notes = Vec::new();
    if snapshots.len() == 2 {
        notes.push(
            "two snapshots cannot distinguish a leak from warm-up: take a third one later"
                .to_owned(),
        );
    }
    let last = &snapshots[snapshots.len() - 1];
    let series = Series::new(snapshots, &options.intervals);
    if series.is_mixed() {
        notes.push("the snapshots number objects differently: one was taken in another way, or is of another process; objects were matched by their paths, which may miss some".to_owned());
    }
    let prepare = || {
        last.index_retainers();
        CodeIndex::new(last)
    };
    let (index, (growths, held)) = both(prepare, || series.growths());
    let (even, uneven): (Vec<Growth>, Vec<Growth>) =
        growths.into_iter().partition(|growth| growth.even);
    let named = |growths: &[Growth]| named(&index, &series, growths, options);
    let mut suspects = named(&even);
    parts::join_registries(&index, &mut suspects, &even);
    parts::join_registries(&index, &mut suspects, &uneven);
    let least = least_growth(last, options);
    let mut uneven = named(&uneven);
    uneven.retain(|suspect| {
        suspect.weight >= least && !suspects.iter().any(|known| known.is_same(suspect))
    });
    // The bytes of a native leak lie elsewhere.
    let weight = |suspect: &Suspect| {
        if is_native(options) { suspect.handles } else { suspect.weight }
    };
    rank(&mut suspects, least, weight);
    let fiftieth = suspects.first().map_or(0, |first| weight(first) / 50);
    suspects.retain(|suspect| weight(suspect) >= fiftieth);
    // What Node keeps of the same objects says nothing that they do not say.
    if suspects.first().is_some_and(|first| !first.is_registry_of_node()) {
        suspects.retain(|suspect| !suspect.is_registry_of_node());
    }
    if is_native(options) && suspects.is_empty() {
        notes.push("the number of objects with memory outside the heap did not grow: no object on the heap retains what leaks there".to_owned());
    }
    if options.channel == Some(GrowthChannel::External) && !wasm::buffers_grew(snapshots) {
        wasm::add_memories(&index, &series, &mut suspects, &mut notes);
    }
    let mut unconfirmed = Vec::new();
    if suspects.first().is_none_or(|first| first.weight < least) {
        let small = std::mem::take(&mut suspects).into_iter();
        unconfirmed.extend(small.map(|suspect| Unconfirmed { reason: Reason::Small, suspect }));
    }
    let uneven = uneven.into_iter();
    unconfirmed.extend(uneven.map(|suspect| Unconfirmed { reason: Reason::Uneven, suspect }));
    for Unconfirmed { suspect, .. } in &mut unconfirmed {
        suspect.proven = false;
    }
    unconfirmed.sort_by_key(|Unconfirmed { suspect, .. }| std::cmp::Reverse(suspect.weight));
    suspects.truncate(most);
    unconfirmed.truncate(most);
    // Without a suspect the report shows what grew unevenly.
    let uneven = unconfirmed.iter_mut().filter(|each| each.reason == Reason::Uneven);
    let shown = if suspects.is_empty() {
        uneven.map(|each| &mut each.suspect).collect()
    } else {
        suspects.iter_mut().collect()
    };
    // A heap image has no native nodes: none of it is not zero bytes of it.
    let counts_natives = is_native(options)
        && snapshots.iter().any(|each| each.nodes().any(|node| is_of_node(each, node)));
    let unexplained = measure(&series, &held, shown, counts_natives);
    // What two suspects hold counts for one of them, so their order by weight is not that of their bytes.
    rank(&mut suspects, least, shown_bytes);
    if is_native(options) {
        // As far as Node counts it, that says more than how many handles there are.
        suspects.sort_by_key(|suspect| std::cmp::Reverse(counted_natively(suspect)));
    }
    Suspects { suspects, unconfirmed, notes, unexplained }
}

/// The native memory that Node counts for a suspect, where it is more than its own wrappers of the handles.
fn counted_natively(suspect: &Suspect) -> i64 {
    const LEAST: i64 = 1 << 20;
    suspect.native_bytes.filter(|&bytes| bytes >= LEAST).unwrap_or(0)
}

/// What a report shows of a suspect. A memory of WebAssembly, whose size no snapshot has, stands before the others.
fn shown_bytes(suspect: &Suspect) -> u64 {
    if suspect.ids.is_empty() { u64::MAX } else { suspect.bytes.max(0) as u64 }
}

/// Sorts suspects, the likeliest first. The other end of what a program keeps open comes last, unless the rest grew by
/// too little to count.
fn rank(suspects: &mut [Suspect], least: u64, weight: impl Fn(&Suspect) -> u64) {
    let has_own = suspects.iter().any(|each| !each.is_other_end && each.weight >= least);
    suspects.sort_by_key(|each| (has_own && each.is_other_end, std::cmp::Reverse(weight(each))));
}

/// The ids of the object that grew, by snapshot.
fn ids(snapshots: &[Snapshot], growth: &Growth) -> Vec<Option<u32>> {
    let objects = growth.before.iter().copied().chain([growth.thing]);
    let id = |(snapshot, node): (&Snapshot, Node)| {
        let is_object = node != NONE && snapshot.kind(node) != NodeKind::Synthetic;
        is_object.then(|| snapshot.id(node))
    };
    snapshots.iter().zip(objects).map(id).collect()
}

/// Gives each suspect the bytes that count for it, in a leak of native memory those of it as well, and returns what
/// counts for none.
fn measure(
    series: &Series,
    held: &[Held],
    suspects: Vec<&mut Suspect>,
    is_native: bool,
) -> Option<Unexplained> {
    let claims: Vec<&Claim> = suspects.iter().map(|suspect| &suspect.claim).collect();
    let Attribution { bytes, natives, rest } = attribute(series, held, &claims);
    for (suspect, (retained, natives)) in suspects.into_iter().zip(bytes.into_iter().zip(natives)) {
        suspect.measure(retained);
        if let [first, .., last] = natives[..]
            && is_native
        {
            suspect.native_bytes = Some(last as i64 - first as i64);
        }
    }
    let [first, .., last] = rest.as_slice() else { return None };
    Some(Unexplained {
        bytes: last.bytes as i64 - first.bytes as i64,
        code_bytes: last.code as i64 - first.code as i64,
    })
}

/// Growth of fewer bytes than this is what a process does anyway. What holds memory outside of the heap may take few
/// bytes on it.
fn least_growth(last: &Snapshot, options: &Options) -> u64 {
    const LEAST: u64 = 64 * 1024;
    let share = || last.nodes().map(|node| last.shallow(node)).sum::<u64>() / 100;
    match options.least_growth {
        Some(least) => least,
        None if matches!(
            options.channel,
            Some(GrowthChannel::External | GrowthChannel::Native)
        ) =>
        {
            0
        }
        None => LEAST.max(share()),
    }
}

/// The suspects that growths are, those of one name as one.
fn named(
    index: &CodeIndex,
    series: &Series,
    growths: &[Growth],
    options: &Options,
) -> Vec<Suspect> {
    let context = GrowthContext { index, survivors: series.survivors() };
    let snapshots = series.snapshots();
    let mut suspects: Vec<Suspect> = Vec::new();
    let mut samples: Vec<&[Node]> = Vec::new();
    for growth in growths.iter().take(MAX_GROWTHS) {
        let gained = count::gained(snapshots, growth, context.survivors);
        let mut evidence = Evidence::new(context, growth);
        let Some(mut suspect) = naming::suspect(&mut evidence, gained) else { continue };
        suspect.ids = ids(snapshots, growth);
        if let Some(fill) = &suspect.cache {
            suspect.claim.add(series.before(fill.node).into_iter().chain([fill.node]).collect());
        }
        if RULES.iter().any(|rule| rule.is_bounded(&evidence, &suspect)) {
            continue;
        }
        if is_native(options) && !native_handles::count_handles(&evidence, &mut suspect) {
            continue;
        }
        suspect.proven = snapshots.len() > 2;
        match suspects.iter().position(|known| known.is_same(&suspect)) {
            // What two hold counts for both, and here once.
            Some(twin) if is_shared(samples[twin], &growth.sample) => {
                suspects[twin].claim.join(suspect.claim);
            }
            Some(twin) => suspects[twin].absorb(suspect),
            None => {
                suspects.push(suspect);
                samples.push(&growth.sample);
            }
        }
    }
    parts::join(index, &mut suspects, &samples);
    suspects
}

/// Whether more than half of the second of two ascending lists is in the first.
fn is_shared(one: &[Node], other: &[Node]) -> bool {
    other.iter().filter(|node| one.binary_search(node).is_ok()).count() * 2 > other.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module, program};
    use crate::heap::leak::rules::testing::{ids, suspect};

    fn of_weight(weight: u64, is_other_end: bool) -> Suspect {
        let mut graph = module();
        let list = graph.variable("list", "Array", 11);
        graph.elements(list, "Item", 1001, 20);
        Suspect { weight, is_other_end, ..suspect(&graph, 11, &ids(1001, 20)).unwrap() }
    }

    fn first_of(mut suspects: Vec<Suspect>) -> u64 {
        rank(&mut suspects, 64 * 1024, |each| each.weight);
        suspects[0].weight
    }

    #[test]
    fn connections_that_a_server_accepted_come_after_what_opens_them() {
        assert_eq!(first_of(vec![of_weight(1 << 20, true), of_weight(1 << 19, false)]), 1 << 19);
    }

    #[test]
    fn a_small_growth_does_not_come_before_accepted_connections() {
        assert_eq!(first_of(vec![of_weight(10_000, false), of_weight(1 << 20, true)]), 1 << 20);
    }

    fn names(found: &Suspects) -> Vec<&str> {
        found.suspects.iter().map(|each| each.name.as_str()).collect()
    }

    /// A program with a variable for each of these lists, which have so many items of 64 bytes.
    fn lists(counts: &[(&str, u32)]) -> Graph {
        let mut graph = program(20);
        for (at, &(name, count)) in (0..).zip(counts) {
            let list = graph.variable(name, "Array", 500_001 + 2 * at);
            graph.elements(list, "Item", 600_001 + 2_000_000 * at, count);
        }
        graph
    }

    fn of(counts: [&[(&str, u32)]; 3], most: usize, options: &Options) -> Suspects {
        suspects(&counts.map(|counts| lists(counts).snapshot()), most, options)
    }

    #[test]
    fn growth_of_less_than_64_kilobytes_is_small() {
        let grown = |last: u32| {
            of([&[("list", 0)], &[("list", last / 2)], &[("list", last)]], 10, &Options::default())
        };
        let (small, large) = (grown(1000), grown(1100));
        assert_eq!(names(&small), [""; 0]);
        let [one] = &small.unconfirmed[..] else { panic!("one is small") };
        assert_eq!((one.reason, one.suspect.proven), (Reason::Small, false));
        assert_eq!(names(&large), ["list"]);
        assert!(large.suspects[0].proven && large.unconfirmed.is_empty());
        let least = |least| Options { least_growth: Some(least), ..Options::default() };
        let with = |options: &Options| {
            let found = of([&[("list", 0)], &[("list", 500)], &[("list", 1000)]], 10, options);
            found.suspects.len()
        };
        assert_eq!((with(&least(64_000)), with(&least(64_001))), (1, 0));
        let external = Options { channel: Some(GrowthChannel::External), ..Options::default() };
        assert_eq!(with(&external), 1, "what holds memory elsewhere may be small on the heap");
    }

    #[test]
    fn growth_of_less_than_a_hundredth_of_the_heap_is_small() {
        let grown = |ballast: u64| {
            let with = |count: u32| {
                let mut graph = lists(&[("list", count)]);
                let text = graph.node("string", "a long text", 490_001, ballast);
                graph.edge(2, "context", "text", text);
                graph.snapshot()
            };
            suspects(&[0, 1000, 2000].map(with), 10, &Options::default()).suspects.len()
        };
        assert_eq!((grown(12_000_000), grown(13_500_000)), (1, 0));
    }

    #[test]
    fn the_most_bytes_come_first_and_what_is_small_beside_them_is_left_out() {
        let counts = |turn: u32| {
            [("a", 100 * turn), ("b", 5000 * turn), ("c", 2000 * turn), ("d", 99 * turn)]
        };
        let (none, some, all) = (counts(0), counts(1), counts(2));
        let found = of([&none, &some, &all], 10, &Options::default());
        assert_eq!(names(&found), ["b", "c", "a"], "a fiftieth of the first at least");
        let two = of([&none, &some, &all], 2, &Options::default());
        assert_eq!(names(&two), ["b", "c"]);
    }

    #[test]
    fn the_order_is_that_of_the_bytes_where_two_hold_the_same() {
        let with = |count: u32| {
            let mut graph = program(20);
            let near = graph.variable("near", "Array", 480_001);
            let owner = graph.node("object", "Service", 490_001, 32);
            graph.edge(2, "context", "service", owner);
            let far = graph.member(owner, "far", "Array", 490_003);
            let items = graph.elements(near, "Item", 600_001, count);
            for (at, item) in items.into_iter().enumerate() {
                graph.edge(far, "element", &at.to_string(), item);
            }
            graph.elements(far, "Own", 3_600_001, count / 4);
            graph.snapshot()
        };
        let found = suspects(&[0, 2000, 4000].map(with), 10, &Options::default());
        assert_eq!(names(&found), ["near", "far"]);
        assert!(found.suspects[0].bytes > found.suspects[1].bytes);
        assert!(found.suspects[0].weight < found.suspects[1].weight);
    }

    #[test]
    fn growth_that_is_uneven_is_unconfirmed() {
        let found =
            of([&[("list", 0)], &[("list", 100)], &[("list", 5000)]], 10, &Options::default());
        assert!(names(&found).is_empty());
        let [one] = &found.unconfirmed[..] else { panic!("one is uneven") };
        assert_eq!((one.reason, one.suspect.name.as_str()), (Reason::Uneven, "list"));
        assert!(one.suspect.bytes > 0, "the report shows it");
    }

    #[test]
    fn two_snapshots_prove_nothing() {
        let snapshots = [0, 5000].map(|count| lists(&[("list", count)]).snapshot());
        let found = suspects(&snapshots, 10, &Options::default());
        assert_eq!(names(&found), ["list"]);
        assert!(!found.suspects[0].proven);
        assert!(
            found.notes[0].starts_with("two snapshots cannot distinguish"),
            "{:?}",
            found.notes
        );
        assert!(suspects(&[], 10, &Options::default()).suspects.is_empty());
    }

    #[test]
    fn the_object_that_grew_has_its_id_in_each_snapshot_that_has_it() {
        let of = |counts: [Option<u32>; 3]| {
            let snapshots = counts.map(|count| match count {
                Some(count) => lists(&[("list", count)]).snapshot(),
                None => program(20).snapshot(),
            });
            suspects(&snapshots, 10, &Options::default()).suspects[0].ids.clone()
        };
        assert_eq!(of([Some(0), Some(2000), Some(4000)]), [Some(500_001); 3]);
    }

    #[test]
    fn what_two_hold_counts_once_where_more_than_half_is_the_same() {
        assert!(is_shared(&[1, 2, 3, 4], &[2, 3, 9]));
        assert!(!is_shared(&[1, 2, 3, 4], &[2, 9]), "half of it");
        assert!(!is_shared(&[1, 2, 3, 4], &[7, 8, 9]));
        assert!(!is_shared(&[], &[]));
    }

    fn of_channel(channel: GrowthChannel) -> Options {
        Options { channel: Some(channel), ..Options::default() }
    }

    #[test]
    fn what_is_large_on_the_heap_says_nothing_of_native_memory() {
        let mut graph = lists(&[("list", 5000)]);
        graph.in_file("/srv/app.js", 490_001);
        let one = [graph.snapshot()];
        assert_eq!(names(&suspects(&one, 10, &Options::default())), ["list"]);
        let native = suspects(&one, 10, &of_channel(GrowthChannel::Native));
        assert!(native.suspects.is_empty() && native.unconfirmed.is_empty());
        assert!(native.notes[0].starts_with("one snapshot"), "{:?}", native.notes);
    }

    #[test]
    fn growth_of_native_memory_without_handles_has_a_note() {
        let counts: [&[(&str, u32)]; 3] = [&[("list", 0)], &[("list", 1000)], &[("list", 2000)]];
        let says = |options: &Options| {
            let found = of(counts, 10, options);
            let is_note = |note: &String| note.starts_with("the number of objects with memory");
            (found.suspects.len(), found.notes.iter().any(is_note))
        };
        assert_eq!(says(&of_channel(GrowthChannel::Native)), (0, true));
        assert_eq!(says(&Options::default()), (1, false));
        let none = of([&[], &[], &[]], 10, &Options::default());
        assert!(none.suspects.is_empty() && none.notes.is_empty(), "{:?}", none.notes);
    }

    #[test]
    fn what_grows_unevenly_and_is_small_is_not_shown() {
        let found =
            of([&[("list", 0)], &[("list", 10)], &[("list", 900)]], 10, &Options::default());
        assert!(found.suspects.is_empty() && found.unconfirmed.is_empty());
    }

    #[test]
    fn what_a_suspect_does_not_explain_is_measured() {
        let with = |count: u32| {
            let mut graph = lists(&[("list", count)]);
            let code = graph.node("code", "some code", 490_001, 1000 + u64::from(count));
            graph.edge(2, "internal", "code", code);
            graph.snapshot()
        };
        let found = suspects(&[0, 1000, 2000].map(with), 10, &Options::default());
        let rest = found.unexplained.unwrap();
        assert_eq!((rest.code_bytes, found.suspects.len()), (2000, 1));
    }

    #[test]
    fn fields_of_one_name_are_one_suspect_and_what_both_hold_counts_once() {
        let with = |shared: bool, count: u32| {
            let mut graph = program(20);
            let lists: Vec<usize> = (0..2)
                .map(|at| {
                    let holder = graph.node("object", "Service", 500_001 + 10 * at, 32);
                    graph.edge(2, "context", "service", holder);
                    graph.member(holder, "jobs", "Array", 500_003 + 10 * at)
                })
                .collect();
            let items = graph.elements(lists[0], "Job", 600_001, count);
            if shared {
                for (at, item) in items.into_iter().enumerate() {
                    graph.edge(lists[1], "element", &at.to_string(), item);
                }
            } else {
                graph.elements(lists[1], "Job", 2_600_051, count);
            }
            graph.snapshot()
        };
        let found = |shared: bool| {
            let snapshots = [0, 1000, 2000].map(|count| with(shared, count));
            let found = suspects(&snapshots, 10, &Options::default());
            let all: Vec<_> =
                found.suspects.iter().map(|each| (each.name.clone(), each.count)).collect();
            all
        };
        let jobs = |count| vec![("jobs".to_owned(), Some(count))];
        assert_eq!(found(false), jobs(4000));
        assert_eq!(found(true), jobs(2000));
    }

    #[test]
    fn what_grew_unevenly_explains_the_growth_where_there_is_no_suspect() {
        let counts: [&[(&str, u32)]; 3] = [&[("list", 0)], &[("list", 100)], &[("list", 5000)]];
        let snapshots = counts.map(|counts| lists(counts).snapshot());
        let heap = |snapshot: &Snapshot| -> u64 {
            snapshot.nodes().map(|node| snapshot.shallow(node)).sum()
        };
        let grown = (heap(&snapshots[2]) - heap(&snapshots[0])) as i64;
        let found = suspects(&snapshots, 10, &Options::default());
        let [one] = &found.unconfirmed[..] else { panic!("one is uneven") };
        assert_eq!(one.suspect.bytes, 5000 * 64);
        assert_eq!(one.suspect.bytes + found.unexplained.unwrap().bytes, grown);
    }

    /// A program with so many sessions, of which each has a native object of so many bytes.
    fn natives(count: u32, bytes: u64) -> Snapshot {
        let mut graph = program(20);
        let prototype = graph.variable("prototype", "Object", 490_001);
        let constructor = graph.node("closure", "Worker", 490_003, 64);
        graph.edge(prototype, "property", "constructor", constructor);
        let shared = graph.node("code", "system / SharedFunctionInfo", 490_005, 0);
        graph.edge(constructor, "internal", "shared", shared);
        let template = graph.node("code", "system / FunctionTemplateInfo", 490_007, 0);
        graph.edge(shared, "internal", "function_data", template);
        let list = graph.variable("workers", "Array", 500_001);
        let workers = graph.elements(list, "Worker", 600_001, count);
        for (at, worker) in (0..).zip(workers) {
            graph.edge(worker, "property", "__proto__", prototype);
            let native = graph.node("native", "Node / Worker", 600_003 + 100 * at, bytes);
            graph.edge(worker, "internal", "javascript_to_native", native);
        }
        graph.snapshot()
    }

    #[test]
    fn a_leak_of_native_memory_has_the_bytes_that_node_counts() {
        let options = Options { channel: Some(GrowthChannel::Native), ..Options::default() };
        let found = suspects(&[100, 1100, 2100].map(|count| natives(count, 1000)), 10, &options);
        let [one] = &found.suspects[..] else { panic!("{:?}", found.suspects) };
        assert_eq!((one.name.as_str(), one.native_bytes), ("workers", Some(2000 * 1000)));
        let options = Options { channel: None, ..options };
        let found = suspects(&[100, 1100, 2100].map(|count| natives(count, 1000)), 10, &options);
        assert_eq!(found.suspects[0].native_bytes, None, "of another leak it says nothing");
    }

    #[test]
    fn native_memory_below_a_megabyte_is_that_of_nodes_own_wrappers() {
        let of = |bytes| counted_natively(&Suspect { native_bytes: bytes, ..of_weight(9, false) });
        assert_eq!([of(Some(1 << 20)), of(Some(5 << 20))], [1 << 20, 5 << 20]);
        assert_eq!([of(Some((1 << 20) - 1)), of(Some(-5 << 20)), of(None)], [0, 0, 0]);
    }
}
