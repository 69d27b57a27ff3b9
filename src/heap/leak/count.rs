//! How much was gained, in numbers that a person counts.

use crate::heap::compare::entries;
use crate::heap::compare::growth::Growth;
use crate::heap::compare::ids::NONE;
use crate::heap::compare::replaced::is_collection;
use crate::heap::compare::survivors::Survivors;
use crate::heap::leak::causes::Unit;
use crate::heap::snapshot::{Node, Snapshot};

/// How many things hang from what grew, and how.
pub(in crate::heap) struct Count {
    pub number: Option<u64>,
    /// Unless they are its entries.
    pub unit: Option<Unit>,
}

/// The entries that a collection gained, or the objects, or the links of a chain; of one thing that swells there are
/// none.
pub(in crate::heap) fn gained(
    snapshots: &[Snapshot],
    growth: &Growth,
    survivors: Survivors,
) -> Count {
    let last = &snapshots[snapshots.len() - 1];
    let entries = gained_entries(snapshots, growth);
    if entries > 1 && growth.places == 1 {
        return Count { number: Some(entries), unit: None };
    }
    let objects = match growth.objects.as_slice() {
        [first, .., last] => last.saturating_sub(*first),
        _ => 0,
    };
    const HEADS: usize = 8;
    let heads = growth.sample.iter().copied().take(HEADS);
    // Where many objects are new, a chain counts if it has them all.
    let has_all = |&head: &Node| last.retained(head) >= growth.grown() / 10 * 9;
    let heads = heads.filter(|head| objects <= HEADS as u64 || has_all(head));
    let heads = heads.chain(growth.ends.iter().copied());
    let chain = heads.filter_map(|head| links_from(last, head, survivors)).max();
    if objects > chain.unwrap_or(1) {
        return Count { number: Some(objects), unit: Some(Unit::Objects) };
    }
    // Where objects are matched by their paths, a part of the first snapshot's links are new to it as well.
    let now = growth.bytes.last().copied().unwrap_or(0).max(1);
    let share = growth.grown() as f64 / now as f64;
    let exact = if share < 1.0 { lengthened(snapshots, growth) } else { None };
    let number = chain.map(|links| {
        let estimate = (links as f64 * share).round() as u64;
        exact.filter(|&exact| exact <= links).unwrap_or(estimate)
    });
    Count { number, unit: chain.map(|_| Unit::Links) }
}

/// By how much the chain that a thing heads is longer than the one that stood there in the first snapshot.
fn lengthened(snapshots: &[Snapshot], growth: &Growth) -> Option<u64> {
    let (first, last) = (snapshots.first()?, snapshots.last()?);
    let before = growth.before.first().copied().filter(|&node| node != NONE)?;
    let length = |snapshot, head| links_from(snapshot, head, Survivors::None);
    length(last, growth.thing)?.checked_sub(length(first, before)?).filter(|&links| links > 0)
}

fn gained_entries(snapshots: &[Snapshot], growth: &Growth) -> u64 {
    let last = &snapshots[snapshots.len() - 1];
    let now = entries::count(last, growth.thing);
    let count = |(snapshot, &node): (&Snapshot, &Node)| {
        (node != NONE).then(|| entries::count(snapshot, node))
    };
    let before: Vec<Option<u64>> = snapshots.iter().zip(&growth.before).map(count).collect();
    match before.as_slice() {
        [Some(first), ..] => now.saturating_sub(*first),
        // What came after the first snapshot was empty then; it has gained since.
        [None, .., Some(previous)] if now > *previous && is_collection(last, growth.thing) => now,
        _ => 0,
    }
}

/// The links of a chain that begins with an object, or right behind it: what heads a chain may be no link of it.
fn links_from(snapshot: &Snapshot, head: Node, survivors: Survivors) -> Option<u64> {
    let links = |head| entries::links(snapshot, head, survivors);
    let has_most = |node: Node| {
        !survivors.has(node) && snapshot.retained(node) >= snapshot.retained(head) / 10 * 9
    };
    let mut behind = snapshot.edges(head).map(|edge| edge.to).filter(|&node| has_most(node));
    links(head).max(behind.find_map(links))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module, program};
    use crate::heap::leak::pipeline;
    use crate::heap::options::Options;

    /// What is counted of the one suspect of a program that is seen three times.
    fn counted(with: impl Fn(u32) -> Graph) -> (Option<u64>, Option<Unit>) {
        let snapshots = [0, 1000, 2000].map(|count| with(count).snapshot());
        let found = pipeline::suspects(&snapshots, 10, &Options::default()).suspects;
        let [one] = &found[..] else { panic!("{found:?}") };
        (one.count, one.unit)
    }

    /// A list in a variable: so many links, each with 64 bytes.
    fn chain(kept: u32, count: u32) -> Graph {
        let mut graph = program(20);
        let mut last = graph.variable("queue", "Queue", 500_001);
        for at in (0..kept).chain(1000..1000 + count) {
            let link = graph.node("object", "Link", 600_001 + 2 * at, 64);
            graph.edge(last, "property", "next", link);
            last = link;
        }
        graph
    }

    #[test]
    fn a_map_gains_entries() {
        assert_eq!(counted(|count| program(20 + count)), (Some(2000), None));
    }

    #[test]
    fn an_array_gains_elements_and_those_of_before_do_not_count() {
        let with = |kept: u32, count: u32| {
            let mut graph = program(20);
            let list = graph.variable("list", "Array", 500_001);
            graph.elements(list, "Item", 600_001, kept + count);
            graph
        };
        assert_eq!(counted(|count| with(0, count)), (Some(2000), None));
        assert_eq!(counted(|count| with(300, count)), (Some(2000), None));
    }

    #[test]
    fn a_chain_gains_links_and_those_of_before_do_not_count() {
        assert_eq!(counted(|count| chain(5, count)), (Some(2000), Some(Unit::Links)));
        assert_eq!(counted(|count| chain(300, count)), (Some(2000), Some(Unit::Links)));
    }

    #[test]
    fn one_thing_that_swells_has_no_count() {
        let with = |count: u32| {
            let mut graph = program(20);
            let text = graph.node("string", "a text", 500_001, 1000 + 100 * u64::from(count));
            graph.edge(2, "context", "text", text);
            graph
        };
        assert_eq!(counted(with).0, None);
    }

    /// What heads a chain of so many links, of `own` bytes itself, with so many more links behind each other.
    fn headed(class: &str, own: u64, links: u32) -> Snapshot {
        let mut graph = module();
        let mut last = graph.node("object", class, 11, own);
        graph.edge(2, "context", "head", last);
        for at in 0..links {
            let link = graph.node("object", "Link", 1001 + 2 * at, 64);
            graph.edge(last, "property", "next", link);
            last = link;
        }
        graph.snapshot()
    }

    /// What is counted of the growth of the object 11, of which the earlier snapshots have these.
    fn of(
        snapshots: &[Snapshot],
        before: &[u32],
        bytes: [u64; 2],
        objects: u64,
    ) -> (Option<u64>, Option<Unit>) {
        let thing = snapshots.last().unwrap().by_id(11).unwrap();
        let node = |(snapshot, &id): (&Snapshot, &u32)| snapshot.by_id(id).unwrap_or(NONE);
        let growth = Growth {
            before: snapshots.iter().zip(before).map(node).collect(),
            bytes: bytes.to_vec(),
            objects: vec![0, objects],
            ..Growth::of_one(thing, 0, vec![thing])
        };
        let Count { number, unit } = gained(snapshots, &growth, Survivors::None);
        (number, unit)
    }

    const LINKS: Option<Unit> = Some(Unit::Links);
    const OBJECTS: Option<Unit> = Some(Unit::Objects);

    #[test]
    fn of_many_objects_a_chain_counts_if_it_has_nearly_all() {
        let chain = [headed("Link", 64, 29)];
        let of = |bytes, objects| of(&chain, &[], [0, bytes], objects);
        assert_eq!(of(1920, 20), (Some(30), LINKS), "it has all bytes");
        assert_eq!(of(1920, 30), (Some(30), LINKS), "each object is a link");
        assert_eq!(of(1920, 31), (Some(31), OBJECTS), "more objects than links");
        assert_eq!(of(10_000, 20), (Some(20), OBJECTS), "most bytes are elsewhere");
        assert_eq!(of(10_000, 9), (Some(9), OBJECTS));
        assert_eq!(of(10_000, 8), (Some(30), LINKS), "few objects are new");
    }

    #[test]
    fn a_chain_begins_behind_its_head_if_that_has_little_of_its_own() {
        assert_eq!(of(&[headed("Queue", 100, 30)], &[], [0, 2020], 0), (Some(30), LINKS));
        assert_eq!(of(&[headed("Queue", 10_000, 30)], &[], [0, 2020], 0), (None, None));
    }

    #[test]
    fn a_chain_is_compared_with_the_one_that_stood_there_before() {
        let with = |before: u32, links: u32, bytes| {
            of(&[headed("Link", 64, before), headed("Link", 64, links)], &[11], bytes, 0)
        };
        assert_eq!(with(9, 29, [1000, 2000]), (Some(20), LINKS));
        assert_eq!(with(29, 29, [1000, 2000]), (Some(15), LINKS), "the share of the bytes");
        assert_eq!(with(9, 29, [0, 2000]), (Some(30), LINKS), "all bytes are new");
        let chains = [headed("Link", 64, 9), headed("Link", 64, 29)];
        assert_eq!(of(&chains, &[99], [1000, 2000], 0), (Some(15), LINKS), "nothing stood there");
    }

    /// An object of a class with so many elements.
    fn list(count: u32) -> Snapshot {
        let mut graph = module();
        let list = graph.variable("list", "Array", 11);
        graph.elements(list, "Item", 1001, count);
        graph.snapshot()
    }

    #[test]
    fn one_entry_more_is_no_collection_that_gains() {
        let of = |now| of(&[list(3), list(now)], &[11], [64, 128], 0);
        assert_eq!(of(5), (Some(2), None));
        assert_eq!(of(4), (None, None));
    }

    #[test]
    fn a_collection_that_came_later_has_gained_all_of_its_entries() {
        let of = |previous, now| {
            of(&[module().snapshot(), list(previous), list(now)], &[11, 11], [0, 64], 0)
        };
        assert_eq!(of(20, 40), (Some(40), None));
        assert_eq!(of(40, 40), (None, None), "it gained none since");
        assert_eq!(of(41, 40), (None, None), "it lost one");
    }
}
