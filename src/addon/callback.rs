//! Functions of JS that are called from inside V8, in the middle of other JavaScript.

use napi::Env;
use napi::bindgen_prelude::{Function, FunctionRef};

/// What is kept to call a function of JS.
struct Kept {
    env: Env,
    function: FunctionRef<(), ()>,
}

// SAFETY: the callers call and drop it on the isolate's thread alone, for which it was made; where another thread drops
// the last reference, `FunctionRef` hands it back to that thread.
unsafe impl Send for Kept {}

impl Kept {
    fn new(env: Env, function: &Function<'_, (), ()>) -> napi::Result<Self> {
        Ok(Self { env, function: function.create_ref()? })
    }

    /// V8 opens a scope of handles for an interrupt. What the function throws is cleared: the JS that was
    /// interrupted is not to see it.
    fn call(&self) {
        let _ = self.function.borrow_back(&self.env).and_then(|function| function.call(()));
    }
}

/// Calls `function` once.
pub(super) fn call_once(
    env: Env,
    function: &Function<'_, (), ()>,
) -> napi::Result<Box<dyn FnOnce() + Send>> {
    let kept = Kept::new(env, function)?;
    Ok(Box::new(move || kept.call()))
}

/// Calls `function` any number of times.
pub(super) fn call_often(
    env: Env,
    function: &Function<'_, (), ()>,
) -> napi::Result<Box<dyn Fn() + Send>> {
    let kept = Kept::new(env, function)?;
    Ok(Box::new(move || kept.call()))
}
