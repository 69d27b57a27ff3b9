//! What `lib/report/redaction.js` asks for: the rules of redacted snapshots for every other output.

use napi::bindgen_prelude::AsyncTask;
use napi::{Env, Task};
use napi_derive::napi;

use crate::js_source::mask::masked;
use crate::snapshot::redaction::{self, shown};

/// Adds the identifiers of one of Node's own sources, and its name, to those that stay.
#[napi(catch_unwind)]
pub fn learn_built_in(name: String, source: String) {
    redaction::learn_built_in(name.as_bytes(), source.as_bytes());
}

/// Files of the program that are read on a thread of libuv's pool.
pub struct Learning(Vec<String>);

impl Task for Learning {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> napi::Result<()> {
        // Nothing may unwind into libuv's thread; what is not learned is hashed.
        let _ = std::panic::catch_unwind(|| redaction::learn_scripts(&self.0));
        Ok(())
    }

    fn resolve(&mut self, _: Env, (): ()) -> napi::Result<()> {
        Ok(())
    }
}

/// Adds the identifiers of scripts of the program to those that stay.
#[napi(catch_unwind)]
pub fn learn_scripts(paths: Vec<String>) -> AsyncTask<Learning> {
    AsyncTask::new(Learning(paths))
}

/// From now on the published state of this process is redacted: names of caches, of what is tracked, and sites.
#[napi(catch_unwind)]
pub fn redact_state() {
    shown::turn_on();
}

/// The name of a cache, an event or a host.
#[napi(catch_unwind)]
pub fn redact_name(text: String) -> String {
    shown::name(&text).into_owned()
}

/// `emitter: event`, `agent host`.
#[napi(catch_unwind)]
pub fn redact_label(text: String) -> String {
    shown::labelled(&text)
}

/// The name of a cache, or the place where it is made.
#[napi(catch_unwind)]
pub fn redact_cache(text: String, is_given: bool) -> String {
    shown::cache(text, is_given)
}

/// The name of a function.
#[napi(catch_unwind)]
pub fn redact_function(text: String) -> String {
    shown::function(&text).into_owned()
}

/// A path or URL of a script.
#[napi(catch_unwind)]
pub fn redact_script(text: String) -> String {
    shown::script(&text).into_owned()
}

/// A source without the contents of its literals and comments.
#[napi(catch_unwind)]
pub fn mask_source(text: String) -> String {
    masked(&text)
}
