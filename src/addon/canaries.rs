//! Makes the objects that verify the layout of V8's heap.

use std::ptr::null_mut;

use napi::{Env, sys};

use crate::snapshot::image;
use crate::snapshot::image::canaries::{Canaries, NUMBER, SCRIPT};

/// Has heap images turned off if this V8 lays its heap out in another way than the table says.
pub fn verify_layout(env: Env) {
    // SAFETY: a call from JS is on the isolate's thread, and the environment is that of the call.
    image::verify(|| unsafe { make(env.raw()) });
}

/// # Safety
/// With an environment on its thread.
unsafe fn make(env: sys::napi_env) -> Option<Canaries> {
    // SAFETY: each call gets the environment, values of it and places for results. The handles live until the call from
    // JS returns.
    unsafe {
        let (mut script, mut all) = (null_mut(), null_mut());
        let length = SCRIPT.len().cast_signed();
        is_ok(sys::napi_create_string_utf8(env, SCRIPT.as_ptr().cast(), length, &raw mut script))?;
        if is_ok(sys::napi_run_script(env, script, &raw mut all)).is_none() {
            let mut thrown = null_mut();
            sys::napi_get_and_clear_last_exception(env, &raw mut thrown);
            return None;
        }
        let mut values = [null_mut(); 7];
        for (index, value) in (0..).zip(&mut values) {
            is_ok(sys::napi_get_element(env, all, index, value))?;
        }
        let (mut bytes, mut buffer) = (null_mut(), null_mut());
        is_ok(sys::napi_create_arraybuffer(env, NUMBER, &raw mut bytes, &raw mut buffer))?;
        let [object, array, function, text, regexp, big_int, generator] = values;
        let at = |value| address(value);
        Some(Canaries {
            object: at(object)?,
            array: at(array)?,
            function: at(function)?,
            text: at(text)?,
            regexp: at(regexp)?,
            big_int: at(big_int)?,
            generator: at(generator)?,
            buffer: at(buffer)?,
            bytes: bytes as usize,
        })
    }
}

fn is_ok(status: sys::napi_status) -> Option<()> {
    (status == sys::Status::napi_ok).then_some(())
}

/// The tagged address of the object of a handle, which is the address of a place that has it. A handle that is no
/// aligned address has it itself (V8 with direct handles).
///
/// # Safety
/// With a handle that is open.
unsafe fn address(value: sys::napi_value) -> Option<usize> {
    let handle = value.cast::<usize>();
    // SAFETY: the caller's promise.
    handle.is_aligned().then(|| unsafe { handle.read() })
}
