//! One line that says what to change.

use crate::heap::leak::causes::{Cause, Detail};
use crate::js_source::files::Package;

/// What the application has to do with a suspect that lies in a package.
pub(in crate::heap) enum Use {
    /// What stays is of this function of the application's: `view (main.js:7)`.
    Adds(String),
    /// This variable of the application's leads to it: `cache` (main.js:2).
    Holds(String),
}

/// The advice of a rule, as it fits the package that the suspect lies in.
pub(in crate::heap) fn advice(
    cause: Cause,
    detail: Detail,
    own: String,
    package: Option<(&Package, Option<Use>)>,
) -> String {
    let is_used = matches!(package, Some((_, Some(_))));
    let own = match (cause, detail) {
        // What a package keeps its things in cannot be replaced from outside.
        (Cause::Map | Cause::Object, Detail::Plain) if is_used => {
            "delete entries that are no longer needed, set the package's ttl or max, or pass a BoundedMap({ max, ttl }) if it accepts a store".to_owned()
        }
        (Cause::Set | Cause::Array, Detail::Plain) if is_used => {
            "remove what is no longer needed (unsubscribe, off, delete, close)".to_owned()
        }
        _ => own,
    };
    match package {
        Some((package, used)) => in_package(package, used, &own),
        None => own,
    }
}

/// What fits objects of a native class that are kept while native memory leaks.
pub(in crate::heap) fn of_handles(class: &str, package: Option<&Package>) -> String {
    let own = format!(
        "close or destroy each {class} that is no longer needed, and drop it here: its memory is outside the heap, where the growth is"
    );
    match package {
        Some(package) => in_package(package, None, &own),
        None => own,
    }
}

fn in_package(package: &Package, used: Option<Use>, own: &str) -> String {
    let newer = "look for a newer version or an issue";
    let first = match used {
        Some(Use::Adds(who)) => format!(
            ", and what stays is of {who}: check first that the application removes it, then {newer}"
        ),
        Some(Use::Holds(by)) => format!(
            ", retained by {by} of the application: check first what it adds and never removes, then {newer}"
        ),
        None => format!(": {newer}"),
    };
    format!("the code is in {package}{first}; {own}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "own advice";
    const NEWER: &str = "look for a newer version or an issue";

    fn said(cause: Cause, detail: Detail, used: Option<Use>) -> String {
        let package = Package { name: "lru-cache".into(), version: Some("11.5.3".into()) };
        advice(cause, detail, OWN.into(), Some((&package, used)))
    }

    fn adds() -> Option<Use> {
        Some(Use::Adds("view (main.js:7)".into()))
    }

    #[test]
    fn outside_of_a_package_the_rules_advice_is_all() {
        assert_eq!(advice(Cause::Map, Detail::Plain, OWN.into(), None), OWN);
        assert!(of_handles("Gzip", None).starts_with("close or destroy each Gzip that is no"));
    }

    #[test]
    fn in_a_package_the_advice_says_what_of_it_is_the_applications() {
        let package = "the code is in lru-cache@11.5.3";
        assert_eq!(said(Cause::Map, Detail::Plain, None), format!("{package}: {NEWER}; {OWN}"));
        let added =
            "and what stays is of view (main.js:7): check first that the application removes it";
        assert_eq!(
            said(Cause::Closure, Detail::Plain, adds()),
            format!("{package}, {added}, then {NEWER}; {OWN}")
        );
        let held = "retained by `cache` (main.js:2) of the application: check first what it adds and never removes";
        assert_eq!(
            said(Cause::Closure, Detail::Plain, Some(Use::Holds("`cache` (main.js:2)".into()))),
            format!("{package}, {held}, then {NEWER}; {OWN}")
        );
    }

    #[test]
    fn what_a_package_keeps_its_things_in_is_not_replaced_by_who_uses_it() {
        for (cause, own) in [
            (Cause::Map, "delete entries that are no longer needed"),
            (Cause::Object, "delete entries that are no longer needed"),
            (Cause::Set, "remove what is no longer needed"),
            (Cause::Array, "remove what is no longer needed"),
            (Cause::Closure, OWN),
        ] {
            let advice = said(cause, Detail::Plain, adds());
            assert!(advice.contains(&format!("; {own}")), "{advice}");
            assert!(said(cause, Detail::Plain, None).ends_with(OWN), "nothing uses it");
            assert!(said(cause, Detail::Slices, adds()).ends_with(OWN), "it says more");
        }
    }
}
