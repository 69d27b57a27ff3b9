//! Errors as JS sees them: an `Error` whose `code` is one of `ERR_PLIMSOLL_*`.

/// The `code` of a JS error: napi-rs puts the status' string there.
#[derive(Debug, Clone, Copy)]
pub struct Code(&'static str);

impl AsRef<str> for Code {
    fn as_ref(&self) -> &str {
        self.0
    }
}

/// napi's own failures (a bad argument type, a pending exception) keep their status as the code.
impl From<napi::Status> for Code {
    fn from(_: napi::Status) -> Self {
        Code("ERR_PLIMSOLL_NATIVE")
    }
}

/// An error that crosses into JS.
pub type AddonError = napi::Error<Code>;
/// The result of a function that JS calls. napi-derive recognizes it by the name `Result`.
pub type Result<T> = std::result::Result<T, AddonError>;

/// Makes the error that JS sees from a code of ours and a message that says what to do.
pub fn error(code: &'static str, message: impl Into<String>) -> AddonError {
    AddonError::new(Code(code), message.into())
}

/// The same error for napi's own callbacks, whose errors have no code: a JS exception that does.
#[cfg(feature = "analyzer")]
pub fn exception(env: napi::Env, error: AddonError) -> napi::Error {
    let message = error.reason.clone();
    // SAFETY: `env` is the environment that calls us, on its own thread, with a scope open.
    let value = unsafe { napi::JsError::from(error).into_value(env.raw()) };
    if value.is_null() {
        return napi::Error::from_reason(message);
    }
    // SAFETY: the value was made in this environment and scope just now and is used at once.
    napi::Error::from(unsafe { napi::Unknown::from_raw_unchecked(env.raw(), value) })
}
