//! The rules by which a growth gets its cause, its name and its advice: one file for each kind of leak.

pub(in crate::heap) mod async_stores;
pub(in crate::heap) mod buffers;
pub(in crate::heap) mod caches;
pub(in crate::heap) mod closures;
pub(in crate::heap) mod containers;
pub(in crate::heap) mod listeners;
pub(in crate::heap) mod modules;
pub(in crate::heap) mod native_handles;
pub(in crate::heap) mod promises;
pub(in crate::heap) mod sockets;
pub(in crate::heap) mod streams;
#[cfg(test)]
pub(super) mod testing;
pub(in crate::heap) mod timers;
pub(in crate::heap) mod wasm;
pub(in crate::heap) mod weak;

use crate::heap::leak::causes::Cause;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};

/// The order in which rules are asked. Of what the new objects consist of, sockets come before the streams that they
/// are, and containers last: everything is one. The modules' detail comes after that of the listeners and before the
/// containers'.
pub(in crate::heap) const RULES: [&dyn Rule; 13] = [
    &listeners::Listeners,
    &timers::Timers,
    &sockets::Sockets,
    &streams::Streams,
    &promises::Promises,
    &weak::Weak,
    &buffers::Buffers,
    &async_stores::AsyncStores,
    &closures::Closures,
    &modules::Modules,
    &containers::Containers,
    &caches::BoundedCaches,
    &native_handles::NativeHandles,
];

/// The advice if no rule has one.
const FOR_ANY_CAUSE: &str = "follow the retaining path, and remove the reference";

/// The steps of the way, from its end, that say what grows.
const NEAR: usize = 7;

/// The cause of a growth: by the way to it, the nearest reference first, by what it is, or by what is new in it.
pub(in crate::heap) fn find(evidence: &Evidence) -> Finding {
    let first = evidence.steps.len().saturating_sub(NEAR);
    let by_step = |at: usize| {
        let reference = evidence.reference(at)?;
        RULES.iter().find_map(|rule| rule.match_step(evidence, at, reference))
    };
    RULES
        .iter()
        .find_map(|rule| rule.match_route(evidence))
        .or_else(|| (first..evidence.steps.len()).rev().find_map(by_step))
        .or_else(|| RULES.iter().find_map(|rule| rule.match_thing(evidence)))
        .or_else(|| RULES.iter().find_map(|rule| rule.match_contents(evidence)))
        .unwrap_or_else(|| Finding::of_contents(Cause::Other, evidence))
}

/// What to change.
pub(in crate::heap) fn advice(cause: Cause, about: &About) -> String {
    RULES
        .iter()
        .find_map(|rule| rule.advice_by_detail(about.detail))
        .map(str::to_owned)
        .or_else(|| RULES.iter().find_map(|rule| rule.advice(cause, about)))
        .unwrap_or_else(|| FOR_ANY_CAUSE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::leak::causes::Detail;

    #[test]
    fn each_cause_has_advice_of_its_own() {
        for &cause in Cause::ALL {
            let advice =
                advice(cause, &About { detail: Detail::Plain, event: None, captured: None });
            assert_eq!(advice == FOR_ANY_CAUSE, cause == Cause::Other, "{cause:?}: {advice}");
        }
    }
}
