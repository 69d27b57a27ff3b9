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
