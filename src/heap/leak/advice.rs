//! One line that says what to change.

use super::causes::{Cause, Detail};
use super::sources::Package;

/// What the application has to do with a suspect that lies in a package.
pub(super) enum Use {
    /// What stays is of this function of the application's: `view (main.js:7)`.
    Adds(String),
    /// This variable of the application's leads to it: `cache` (main.js:2).
    Holds(String),
}

/// What fits a cause; `event` is the one whose listeners grow.
pub(super) fn advice(
    cause: Cause,
    detail: Detail,
    event: Option<&str>,
    captured: Option<&str>,
    package: Option<(&Package, Option<Use>)>,
) -> String {
    let is_used = matches!(package, Some((_, Some(_))));
    let own = match (cause, detail) {
        // Nobody replaces what a package keeps its things in.
        (Cause::Map | Cause::Object, Detail::Plain) if is_used => {
            "delete what is done with, set its own ttl or max, or give it a BoundedMap({ max, ttl }) where it takes a store".to_owned()
        }
        (Cause::Set | Cause::Array, Detail::Plain) if is_used => {
            "remove what is done with (unsubscribe, off, delete, close)".to_owned()
        }
        _ => own_advice(cause, detail, event, captured),
    };
    match package {
        Some((package, used)) => in_package(package, used, &own),
        None => own,
    }
}

/// What fits objects of a native class that are kept while native memory leaks.
pub(super) fn of_handles(class: &str, package: Option<&Package>) -> String {
    let own = format!(
        "each {class} has memory outside of the heap, where the growth is: close or destroy what is done with, and drop it here"
    );
    match package {
        Some(package) => in_package(package, None, &own),
        None => own,
    }
}

fn in_package(package: &Package, used: Option<Use>, own: &str) -> String {
    let newer = "look for a newer version or its issue";
    let first = match used {
        Some(Use::Adds(who)) => format!(
            ", and what stays is of {who}: see first that the application takes it back when it is done with, then {newer}"
        ),
        Some(Use::Holds(by)) => format!(
            ", which the application holds by {by}: see first what it adds and never takes back, then {newer}"
        ),
        None => format!(": {newer}"),
    };
    format!("it lies in {package}{first}; {own}")
}

fn own_advice(cause: Cause, detail: Detail, event: Option<&str>, captured: Option<&str>) -> String {
    let fixed = match (cause, detail) {
        (_, Detail::AddedByNode) => {
            "Node itself adds them, for what is piped or awaited here: unpipe, destroy or end that when its work is done"
        }
        (_, Detail::DerivedSignals) => {
            "AbortSignal.any keeps a signal for each call while the long-lived one lives: remove its listeners or abort it when its work ends, or derive one signal and share it"
        }
        (_, Detail::Connections) => {
            "take the connection out when it emits 'close', and destroy those that fall silent (socket.setTimeout)"
        }
        (_, Detail::InUse) => {
            "read each response to its end (resume, arrayBuffer) or destroy it: its connection is in use until then; set time-outs and the agent's maxSockets"
        }
        (_, Detail::Resolvers) => {
            "settle each promise, after a time-out as well, and drop its entry then: who waits for it is kept until then"
        }
        (_, Detail::Slices) => {
            "slices of strings keep the whole ones: keep copies (Buffer.from(slice).toString()), and delete what is done with"
        }
        (_, Detail::Chain) => {
            "cut the chain: drop its oldest links, or keep only the last ones in a RingBuffer(capacity)"
        }
        (_, Detail::Modules) => {
            "the same files are loaded again and again, and Node keeps every module (one that left require.cache in its parent's `children`): load them once, and read with fs what changes"
        }
        (_, Detail::Channel) => {
            "unsubscribe the function when its owner ends (channel.unsubscribe), or subscribe one for all"
        }
        (_, Detail::Open) => {
            "native code keeps each while it is open: close or terminate it when its owner ends"
        }
        (_, Detail::OfNode) => {
            "Node keeps it for the program: take back what is made (performance.clearMarks() and clearMeasures(), close(), unregister())"
        }
        (_, Detail::HeldValues) => {
            "a held value stays until its target is collected: let it not refer to the target, keep it small (an id), and registry.unregister(token) what ends before"
        }
        (Cause::Listeners, _) => {
            let (off, once) = match detail {
                Detail::EventTarget => ("removeEventListener", "{ once: true }"),
                _ => ("off", "once()"),
            };
            let event =
                event.map_or("event".to_owned(), |event| format!("'{}'", event.escape_debug()));
            return format!(
                "remove the listener when its owner ends: {off}({event}, listener), {once}, or {{ signal }} of an AbortController"
            );
        }
        (Cause::Closure, _) => {
            let kept =
                captured.map_or("their scope".to_owned(), |variable| format!("`{variable}`"));
            return format!(
                "the functions keep {kept} alive: pass on only what they need of it, or drop the functions"
            );
        }
        (Cause::Map, _) => "bound it: new BoundedMap({ max, ttl }) in place of the Map",
        (Cause::Set, _) => {
            "delete what is done with, or keep the members in a BoundedMap({ max, ttl })"
        }
        (Cause::Object, _) => {
            "use a BoundedMap({ max, ttl }) in place of the object, or delete the keys that are done with"
        }
        (Cause::Array, _) => {
            "keep only the last ones: new RingBuffer(capacity), or remove an item when it is done with"
        }
        (Cause::Timers, _) => {
            "keep the timer and clear it (clearInterval, clearTimeout) when its owner ends"
        }
        (Cause::Promises, _) => {
            "settle it, or wait for what can be left again (a listener, a callback in a Set): each await, then and race is kept until it settles"
        }
        (Cause::Buffers, _) => {
            "drop or bound the buffers; copy small slices (Buffer.from(slice)) so that they do not pin their slab"
        }
        (Cause::Streams, _) => {
            "consume it (pipeline, resume) and heed write()'s false: wait for 'drain', or destroy the stream"
        }
        (Cause::Sockets, _) => {
            "share one http.Agent with maxSockets and maxFreeSockets, set timeouts, and destroy what is idle"
        }
        (Cause::Weak, _) => {
            "a WeakMap frees a value only with its key: drop the key, or bound what hangs from it"
        }
        (Cause::Other, _) => "see what still refers to it, along the path",
    };
    fixed.to_owned()
}
