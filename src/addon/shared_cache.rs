//! The shared caches, by raw Node-API functions: a class method of napi-rs costs ten times as much as what it would
//! wrap.
//!
//! [`shared_cache`] gives JS an object of functions, each of which carries a pointer to this isolate's [`Handle`].
//! While a shard is locked nothing but copying happens: no Node-API call, so no collection and no termination of the
//! thread.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, sys};
use napi_derive::napi;

use super::error::{AddonError, Result, error};
use crate::cache::shared::lease::{LeaseOutcome, Part};
use crate::cache::shared::participant::Participant;
use crate::cache::shared::policy::Policy;
use crate::cache::shared::registry::{self, OpenError};
use crate::cache::shared::store::{SharedStore, StoreOptions};
use crate::cache::shared::text;

mod tidy;

/// Keys up to here are read without an allocation.
const SHORT_KEY: usize = 256;
/// Scratch memory beyond this is not kept.
const KEPT_SCRATCH: usize = 64 << 10;
/// A miss, where a length is the answer.
const MISS: f64 = -1.0;

/// One isolate's access to a store.
struct Handle {
    store: Arc<SharedStore>,
    scratch: RefCell<Vec<u8>>,
    participant: RefCell<Participant>,
    /// Calls `collect` of the computations on the event loop; null until the isolate first waits for another.
    waker: Cell<sys::napi_threadsafe_function>,
}

/// Opens the shared cache of that name for this isolate, once. Without `max_bytes` it must exist. `ttl` Infinity: for
/// ever.
#[napi(catch_unwind)]
pub fn shared_cache(
    env: &Env,
    name: String,
    max_bytes: Option<f64>,
    ttl: Option<f64>,
    lru: bool,
) -> Result<Object<'_>> {
    let store = open(&name, max_bytes, ttl, lru)?;
    tidy::start().map_err(|reason| {
        error("ERR_PLIMSOLL_NATIVE", format!("no thread could be started: {reason}"))
    })?;
    let handle = Box::new(Handle {
        participant: RefCell::new(Participant::new(Arc::clone(&store))),
        store,
        scratch: RefCell::default(),
        waker: Cell::new(ptr::null_mut()),
    });
    let mut object = Object::new(env).map_err(native)?;
    object.set("maxBytes", handle.store.options().max_bytes as f64).map_err(native)?;
    let data = Box::into_raw(handle);
    // SAFETY: the hook frees the handle once, when no JS of this environment runs any more, so after the last call of
    // the functions below, which alone have the pointer.
    check(unsafe { sys::napi_add_env_cleanup_hook(env.raw(), Some(free), data.cast()) })?;
    for (name, function) in FUNCTIONS {
        let mut value = ptr::null_mut();
        // SAFETY: the name is NUL-terminated; the data outlives the function, see above.
        check(unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                -1,
                Some(function),
                data.cast(),
                &raw mut value,
            )
        })?;
        // SAFETY: all three are values of this environment, made in the scope that is open.
        check(unsafe {
            sys::napi_set_named_property(env.raw(), object.raw(), name.as_ptr(), value)
        })?;
    }
    Ok(object)
}

/// Holds the options of one more who opens it against those of the first.
#[napi(catch_unwind)]
pub fn check_shared_cache(name: String, max_bytes: f64, ttl: Option<f64>, lru: bool) -> Result<()> {
    open(&name, Some(max_bytes), ttl, lru).map(drop)
}

fn open(
    name: &str,
    max_bytes: Option<f64>,
    ttl: Option<f64>,
    lru: bool,
) -> Result<Arc<SharedStore>> {
    let options = max_bytes.map(|max_bytes| StoreOptions {
        max_bytes: max_bytes as u64,
        ttl: ttl.map_or(u64::MAX, milliseconds),
        policy: if lru { Policy::Lru } else { Policy::Adaptive },
    });
    registry::open(name, options).map_err(|reason| refuse(name, reason))
}

/// The address of a handle comes back from Node when its environment ends.
unsafe extern "C" fn free(data: *mut c_void) {
    // SAFETY: it came from Box::into_raw in `shared_cache`, and Node calls this once.
    drop(unsafe { Box::from_raw(data.cast::<Handle>()) });
}

fn refuse(name: &str, reason: OpenError) -> AddonError {
    match reason {
        OpenError::Missing => error(
            "ERR_PLIMSOLL_UNBOUNDED",
            format!(
                "there is no shared cache {name:?} yet: who opens it first must bound it, new SharedCache({name:?}, {{ maxBytes }})."
            ),
        ),
        OpenError::Mismatch(StoreOptions { max_bytes, ttl, policy }) => {
            let ttl = if ttl == u64::MAX { "Infinity".to_owned() } else { ttl.to_string() };
            let policy = if policy == Policy::Lru { "lru" } else { "adaptive" };
            error(
                "ERR_PLIMSOLL_OPTION",
                format!(
                    "the shared cache {name:?} was opened with other options, {{ maxBytes: {max_bytes}, ttl: {ttl}, policy: '{policy}' }}: \
                     give the same in every thread, or none."
                ),
            )
        }
    }
}

fn milliseconds(ttl: f64) -> u64 {
    ttl.ceil() as u64
}

type Raw = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// Makes a raw function of a body that is given the call.
macro_rules! raw {
    ($body:expr) => {{
        unsafe extern "C" fn function(
            env: sys::napi_env,
            info: sys::napi_callback_info,
        ) -> sys::napi_value {
            enter(env, info, $body)
        }
        function
    }};
}

/// What JS sees of a handle; `lib/cache/shared-cache.js` is its only user.
const FUNCTIONS: [(&CStr, Raw); 17] = [
    // read(key, view, offset): the value's length, or -1. It is copied, and counts as a hit, where there is room for
    // it.
    (c"read", raw!(read)),
    // text(key): the value as a string, or undefined
    (c"text", raw!(text_of)),
    // setBytes(key, view, ttl), setText(key, string, ttl): ttl -1 for the store's. Whether it was kept.
    (c"setBytes", raw!(|call| call.with_bytes(1, |value| set(call, value))?)),
    (c"setText", raw!(|call| call.with_text(1, |value| set(call, value))?)),
    (c"has", raw!(|call| call.with_key(|key| call.boolean(call.handle.store.has(key)))?)),
    (c"delete", raw!(|call| call.with_key(|key| call.boolean(call.handle.store.delete(key)))?)),
    (
        c"clear",
        raw!(|call| {
            call.handle.store.clear();
            tidy::soon(&call.handle.store);
            call.undefined()
        }),
    ),
    (c"purge", raw!(|call| call.number(call.handle.store.purge() as f64))),
    (c"stats", raw!(stats)),
    // keys(part): an array, or undefined beyond the last part
    (c"keys", raw!(keys)),
    // setClock(ms): the time for this store in all threads, from here on
    (
        c"setClock",
        raw!(|call| {
            call.handle.store.clock.set(call.float(0)? as u64);
            call.undefined()
        }),
    ),
    // join(key): 0 where there is a value, the number of a computation of this isolate, which is to be made if it is
    // new, or minus the number of another's to wait for
    (c"join", raw!(join)),
    // finish(number, view, how, ttl): 0 with this value, 1 with this error, 2 not at all
    (c"finish", raw!(finish)),
    // listen(callback): is called when computations of others have ended; once
    (c"listen", raw!(listen)),
    // hold(boolean): whether waiting for the callback keeps the event loop alive
    (c"hold", raw!(hold)),
    // ended(): an array of a number, how it ended and the bytes for each that has
    (c"ended", raw!(ended)),
    // leave(number): a computation of another's is not waited for any more
    (
        c"leave",
        raw!(|call| {
            let number = call.float(0)? as u32;
            call.handle.participant.borrow_mut().leave(number);
            call.undefined()
        }),
    ),
];

type Value = Result<sys::napi_value>;

/// One call of a raw function: its environment, arguments and handle.
#[derive(Clone, Copy)]
struct Call<'a> {
    env: sys::napi_env,
    arguments: [sys::napi_value; 4],
    handle: &'a Handle,
}

fn enter(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: fn(Call<'_>) -> Value,
) -> sys::napi_value {
    let (mut arguments, mut count, mut data) = ([ptr::null_mut(); 4], 4, ptr::null_mut());
    // SAFETY: Node calls us with both; there is room for as many arguments as `count` says, missing ones become
    // undefined.
    let status = unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &raw mut data,
        )
    };
    let result = check(status).and_then(|()| {
        // SAFETY: the data of each of our functions is the handle, which lives as long as the environment.
        let handle = unsafe { &*data.cast::<Handle>() };
        catch_unwind(AssertUnwindSafe(|| body(Call { env, arguments, handle }))).unwrap_or_else(
            |_| Err(error("ERR_PLIMSOLL_NATIVE", "a panic in the shared cache: please report it.")),
        )
    });
    result.unwrap_or_else(|reason| {
        let bad_argument = reason.status.as_ref() == "ERR_PLIMSOLL_OPTION";
        // SAFETY: `env` is the environment that calls us, on its own thread.
        unsafe {
            if bad_argument {
                napi::JsTypeError::from(reason).throw_into(env);
            } else {
                napi::JsError::from(reason).throw_into(env);
            }
        };
        ptr::null_mut()
    })
}

fn check(status: sys::napi_status) -> Result<()> {
    if status == sys::Status::napi_ok {
        return Ok(());
    }
    Err(error("ERR_PLIMSOLL_NATIVE", format!("Node-API refused with status {status}.")))
}

fn native(reason: napi::Error) -> AddonError {
    error("ERR_PLIMSOLL_NATIVE", reason.reason.clone())
}

impl Call<'_> {
    fn undefined(&self) -> Value {
        let mut value = ptr::null_mut();
        // SAFETY: `env` is the environment that calls us, on its own thread; so in all that follow.
        check(unsafe { sys::napi_get_undefined(self.env, &raw mut value) })?;
        Ok(value)
    }

    fn boolean(&self, is: bool) -> Value {
        let mut value = ptr::null_mut();
        // SAFETY: as above.
        check(unsafe { sys::napi_get_boolean(self.env, is, &raw mut value) })?;
        Ok(value)
    }

    fn number(&self, number: f64) -> Value {
        let mut value = ptr::null_mut();
        // SAFETY: as above.
        check(unsafe { sys::napi_create_double(self.env, number, &raw mut value) })?;
        Ok(value)
    }

    fn buffer(&self, bytes: &[u8]) -> Value {
        let mut value = ptr::null_mut();
        // SAFETY: as above; Node copies the bytes.
        check(unsafe {
            sys::napi_create_buffer_copy(
                self.env,
                bytes.len(),
                bytes.as_ptr().cast(),
                ptr::null_mut(),
                &raw mut value,
            )
        })?;
        Ok(value)
    }

    fn string(&self, bytes: &[u8]) -> Value {
        let mut value = ptr::null_mut();
        // Of ASCII, one-byte strings are made by a copy.
        let create = if bytes.is_ascii() {
            sys::napi_create_string_latin1
        } else {
            sys::napi_create_string_utf8
        };
        // SAFETY: as above; Node copies the bytes.
        let status = unsafe {
            create(self.env, bytes.as_ptr().cast(), bytes.len() as isize, &raw mut value)
        };
        check(status).map_err(|_| {
            error(
                "ERR_PLIMSOLL_VALUE",
                "the value is too long for a string: read it with get or getInto.",
            )
        })?;
        Ok(value)
    }

    fn float(&self, at: usize) -> Result<f64> {
        let mut number = 0.0;
        // SAFETY: as above.
        check(unsafe { sys::napi_get_value_double(self.env, self.arguments[at], &raw mut number) })
            .map_err(|_| error("ERR_PLIMSOLL_OPTION", "a number was expected."))?;
        Ok(number)
    }

    fn ttl(&self, at: usize) -> Result<Option<u64>> {
        Ok(Some(self.float(at)?).filter(|&ttl| ttl >= 0.0).map(milliseconds))
    }

    /// The key, the first argument, as bytes.
    fn with_key<T>(&self, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let mut units = [0u16; SHORT_KEY];
        let length = self.utf16(0, &mut units)?;
        if length == SHORT_KEY - 1 {
            let mut units = vec![0; self.utf16(0, &mut [])? + 1];
            let length = self.utf16(0, &mut units)?;
            return Ok(then(&text::encode(&units[..length])));
        }
        let units = &units[..length];
        if units.iter().all(|&unit| unit < 0x80) {
            let mut bytes = [0; SHORT_KEY];
            for (byte, &unit) in bytes.iter_mut().zip(units) {
                *byte = unit as u8;
            }
            return Ok(then(&bytes[..length]));
        }
        Ok(then(&text::encode(units)))
    }

    /// Copies a string argument and returns how many units that were; into nothing, returns how many it has.
    fn utf16(&self, at: usize, units: &mut [u16]) -> Result<usize> {
        let mut length = 0;
        let buffer = if units.is_empty() { ptr::null_mut() } else { units.as_mut_ptr() };
        // SAFETY: as above; at most `units.len()` units are written, the last of them 0.
        let status = unsafe {
            sys::napi_get_value_string_utf16(
                self.env,
                self.arguments[at],
                buffer,
                units.len(),
                &raw mut length,
            )
        };
        let what = if at == 0 { "the key" } else { "the value" };
        check(status)
            .map_err(|_| error("ERR_PLIMSOLL_OPTION", format!("{what} must be a string.")))?;
        Ok(length)
    }

    /// A string argument as UTF-8.
    fn with_text<T>(&self, at: usize, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let most = self.utf16(at, &mut [])? * 3 + 1;
        let mut scratch = self.handle.scratch.borrow_mut();
        if scratch.len() < most {
            scratch.resize(most, 0);
        }
        let mut length = 0;
        // SAFETY: as above; at most `scratch.len()` bytes are written.
        check(unsafe {
            sys::napi_get_value_string_utf8(
                self.env,
                self.arguments[at],
                scratch.as_mut_ptr().cast(),
                scratch.len(),
                &raw mut length,
            )
        })?;
        let result = then(&scratch[..length]);
        if scratch.len() > KEPT_SCRATCH {
            *scratch = Vec::new();
        }
        Ok(result)
    }

    /// The bytes of a view (a Buffer, a typed array, a DataView).
    fn with_bytes<T>(&self, at: usize, then: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let (data, length) = self.view(at)?;
        if length == 0 {
            return Ok(then(&[]));
        }
        // SAFETY: V8 gave the memory of a live view, and no JS of this thread runs before `then` returns. (Into shared
        // memory another thread may write meanwhile: then the copy is torn, which is what such a program asked for.)
        Ok(then(unsafe { std::slice::from_raw_parts(data, length) }))
    }

    fn view(&self, at: usize) -> Result<(*mut u8, usize)> {
        let (mut data, mut length) = (ptr::null_mut(), 0);
        // SAFETY: as above.
        check(unsafe {
            sys::napi_get_buffer_info(self.env, self.arguments[at], &raw mut data, &raw mut length)
        })
        .map_err(|_| {
            error("ERR_PLIMSOLL_OPTION", "a Buffer, a typed array or a DataView was expected.")
        })?;
        Ok((data.cast(), length))
    }
}

fn set(call: Call<'_>, value: &[u8]) -> Value {
    let ttl = call.ttl(2)?;
    let kept = call.with_key(|key| call.handle.store.set(key, value, ttl))?;
    tidy::soon(&call.handle.store);
    call.boolean(kept)
}

fn read(call: Call<'_>) -> Value {
    let (data, length) = call.view(1)?;
    let offset = call.float(2)? as usize;
    let copy = |value: &[u8]| {
        let fits = offset <= length && value.len() <= length - offset;
        if fits && !value.is_empty() {
            // SAFETY: the view has `length` bytes from `data` on, and the value fits behind `offset`; the two do not
            // overlap, as the value is in memory that JS never sees.
            unsafe { ptr::copy_nonoverlapping(value.as_ptr(), data.add(offset), value.len()) };
        }
        (value.len() as f64, fits)
    };
    call.with_key(|key| call.number(call.handle.store.get(key, copy).unwrap_or(MISS)))?
}

fn text_of(call: Call<'_>) -> Value {
    let mut scratch = call.handle.scratch.borrow_mut();
    let copy = |value: &[u8]| {
        scratch.clear();
        scratch.extend_from_slice(value);
        ((), true)
    };
    if call.with_key(|key| call.handle.store.get(key, copy))?.is_none() {
        return call.undefined();
    }
    let string = call.string(&scratch);
    if scratch.len() > KEPT_SCRATCH {
        *scratch = Vec::new();
    }
    string
}

/// `stats(into)`: size, bytes, hits, misses, evictions, expirations as doubles.
fn stats(call: Call<'_>) -> Value {
    let stats = call.handle.store.stats();
    let counters = stats.counters;
    let figures = [
        stats.size,
        stats.bytes,
        counters.hits,
        counters.misses,
        counters.evictions,
        counters.expirations,
    ];
    let (data, length) = call.view(0)?;
    let bytes = figures.map(|figure| (figure as f64).to_ne_bytes());
    let bytes = bytes.as_flattened();
    if length < bytes.len() {
        return Err(error("ERR_PLIMSOLL_OPTION", "no room for the figures."));
    }
    // SAFETY: the view has room, and is no memory of Rust's.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
    call.undefined()
}

fn keys(call: Call<'_>) -> Value {
    let Some(keys) = call.handle.store.keys(call.float(0)? as usize) else {
        return call.undefined();
    };
    let mut array = ptr::null_mut();
    // SAFETY: the environment is the one that calls us; so below.
    check(unsafe { sys::napi_create_array_with_length(call.env, keys.len(), &raw mut array) })?;
    for (at, key) in keys.iter().enumerate() {
        let units = text::decode(key);
        let mut value = ptr::null_mut();
        // SAFETY: Node copies the units.
        check(unsafe {
            sys::napi_create_string_utf16(
                call.env,
                units.as_ptr(),
                units.len() as isize,
                &raw mut value,
            )
        })?;
        // SAFETY: both are values of this environment and scope.
        check(unsafe { sys::napi_set_element(call.env, array, at as u32, value) })?;
    }
    Ok(array)
}

fn join(call: Call<'_>) -> Value {
    let part = call.with_key(|key| call.handle.participant.borrow_mut().join(key))?;
    call.number(match part {
        None => 0.0,
        Some(Part::Leads(number)) => f64::from(number),
        Some(Part::Follows(number)) => -f64::from(number),
    })
}

fn finish(call: Call<'_>) -> Value {
    let number = call.float(0)? as u32;
    let bytes: Arc<[u8]> = call.with_bytes(1, |bytes| Arc::from(bytes))?;
    let outcome = match call.float(2)? as u8 {
        0 => LeaseOutcome::Value(bytes),
        1 => LeaseOutcome::Failed(bytes),
        _ => LeaseOutcome::Abandoned,
    };
    let ttl = call.ttl(3)?;
    call.handle.participant.borrow_mut().finish(number, outcome, ttl);
    tidy::soon(&call.handle.store);
    call.undefined()
}

/// The outcomes as `finish` was given them, each as three elements.
fn ended(call: Call<'_>) -> Value {
    let ended = call.handle.participant.borrow_mut().ended();
    let mut array = ptr::null_mut();
    // SAFETY: the environment is the one that calls us; so below.
    check(unsafe {
        sys::napi_create_array_with_length(call.env, ended.len() * 3, &raw mut array)
    })?;
    for (at, (number, outcome)) in ended.iter().enumerate() {
        let (how, bytes) = match outcome {
            LeaseOutcome::Value(bytes) => (0.0, call.buffer(bytes)?),
            LeaseOutcome::Failed(bytes) => (1.0, call.buffer(bytes)?),
            LeaseOutcome::Abandoned => (2.0, call.undefined()?),
        };
        let elements = [call.number(f64::from(*number))?, call.number(how)?, bytes];
        for (offset, element) in elements.into_iter().enumerate() {
            // SAFETY: both are values of this environment and scope.
            check(unsafe {
                sys::napi_set_element(call.env, array, (at * 3 + offset) as u32, element)
            })?;
        }
    }
    Ok(array)
}

/// A function of the environment that any thread may ask for.
struct Waker(sys::napi_threadsafe_function);

// SAFETY: Node-API allows calls of a thread-safe function from every thread.
unsafe impl Send for Waker {}

impl Waker {
    fn wake(&self) {
        // SAFETY: the function is alive: `silence` takes this out of the mailbox, whose lock is held here, before Node
        // ends it. A full or closing queue loses nothing: the mailbox keeps what has ended.
        let _ = unsafe {
            sys::napi_call_threadsafe_function(
                self.0,
                ptr::null_mut(),
                sys::ThreadsafeFunctionCallMode::nonblocking,
            )
        };
    }
}

fn listen(call: Call<'_>) -> Value {
    let (mut name, mut waker) = (ptr::null_mut(), ptr::null_mut());
    let label = c"plimsoll:shared-cache";
    // SAFETY: the text is NUL-terminated, which -1 stands for; the environment is the one that calls us, so below.
    check(unsafe { sys::napi_create_string_utf8(call.env, label.as_ptr(), -1, &raw mut name) })?;
    // SAFETY: the first argument is checked by Node to be a function; no finalizer and no context are given.
    check(unsafe {
        sys::napi_create_threadsafe_function(
            call.env,
            call.arguments[0],
            ptr::null_mut(),
            name,
            0,
            1,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
            None,
            &raw mut waker,
        )
    })?;
    // SAFETY: it was made just now, on this thread. While nothing is waited for, it does not keep the loop alive.
    check(unsafe { sys::napi_unref_threadsafe_function(call.env, waker) })?;
    call.handle.waker.set(waker);
    let handle = ptr::from_ref(call.handle).cast_mut().cast();
    // SAFETY: cleanup hooks run in the reverse order of their addition: this one before the one by which Node ends the
    // thread-safe function, and before `free`, which was added when the handle was made.
    check(unsafe { sys::napi_add_env_cleanup_hook(call.env, Some(silence), handle) })?;
    let waker = Waker(waker);
    call.handle.participant.borrow().mailbox().wake_by(Some(Box::new(move || waker.wake())));
    call.undefined()
}

/// At the end of the environment no other thread may wake it any more.
unsafe extern "C" fn silence(data: *mut c_void) {
    // SAFETY: the data is the handle, which `free` drops later.
    let handle = unsafe { &*data.cast::<Handle>() };
    handle.participant.borrow().mailbox().wake_by(None);
}

fn hold(call: Call<'_>) -> Value {
    let mut held = false;
    // SAFETY: the environment is the one that calls us; so below.
    check(unsafe { sys::napi_get_value_bool(call.env, call.arguments[0], &raw mut held) })?;
    let waker = call.handle.waker.get();
    if !waker.is_null() {
        // SAFETY: the function lives until the environment ends, and this is its thread.
        check(unsafe {
            if held {
                sys::napi_ref_threadsafe_function(call.env, waker)
            } else {
                sys::napi_unref_threadsafe_function(call.env, waker)
            }
        })?;
    }
    call.undefined()
}
