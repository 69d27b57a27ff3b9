//! One line that says what to change.

use super::causes::Cause;
use super::sources::Package;

/// What fits a cause; `name` is the suspect's, `event` the event's.
pub(super) fn advice(
    cause: Cause,
    name: &str,
    captured: Option<&str>,
    package: Option<&Package>,
) -> String {
    if let Some(package) = package {
        let version =
            package.version.as_deref().map(|version| format!("@{version}")).unwrap_or_default();
        let own = own_advice(cause, name, captured);
        return format!(
            "it lies in {}{version}: look for a newer version or its issue; {own}",
            package.name
        );
    }
    own_advice(cause, name, captured)
}

fn own_advice(cause: Cause, name: &str, captured: Option<&str>) -> String {
    match cause {
        Cause::Map => "bound it: new BoundedMap({ max, ttl }) in place of the Map".to_owned(),
        Cause::Set => "delete what is done with, or keep the members in a BoundedMap({ max, ttl })".to_owned(),
        Cause::Object => "use a BoundedMap({ max, ttl }) in place of the object, or delete the keys that are done with".to_owned(),
        Cause::Array => "keep only the last ones: new RingBuffer(capacity), or remove an item when it is done with".to_owned(),
        Cause::Listeners => format!(
            "remove the listener when its owner ends: off('{name}', listener), once(), or {{ signal }} of an AbortController"
        ),
        Cause::Timers => "keep the timer and clear it (clearInterval, clearTimeout) when its owner ends".to_owned(),
        Cause::Promises => {
            "settle it, or race each wait against a timeout of its own: what waits for it is kept until then".to_owned()
        }
        Cause::Closure => match captured {
            Some(variable) => format!("the functions keep `{variable}` alive: pass on only what they need of it, or drop the functions"),
            None => "the functions keep their scope alive: pass on only what they need of it, or drop the functions".to_owned(),
        },
        Cause::Buffers => "drop or bound the buffers; copy small slices (Buffer.from(slice)) so that they do not pin their slab".to_owned(),
        Cause::Streams => "consume it (pipeline, resume) and heed write()'s false: wait for 'drain', or destroy the stream".to_owned(),
        Cause::Sockets => "share one http.Agent with maxSockets and maxFreeSockets, set timeouts, and destroy what is idle".to_owned(),
        Cause::Weak => "a WeakMap frees a value only with its key: drop the key, or bound what hangs from it".to_owned(),
        Cause::Other => "see what still refers to it, along the path".to_owned(),
    }
}
