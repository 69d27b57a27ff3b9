//! A conversion in the converter's own process (`lib/snapshot/converter.js`).

use std::fs::File;

use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use super::error::{Result, error};
use crate::snapshot::converter::{Conversion, Converting};
use crate::snapshot::error::SnapshotError;

/// Writes a snapshot to standard output.
#[napi]
pub struct SnapshotConversion {
    conversion: Conversion,
    converting: Option<Converting>,
}

#[napi]
impl SnapshotConversion {
    /// Makes this process a converter; `request` is what the service gave.
    #[napi(constructor, catch_unwind)]
    pub fn new(request: String) -> Result<Self> {
        let conversion: Conversion = serde_json::from_str(&request).map_err(|why| {
            error("ERR_PLIMSOLL_OPTION", format!("no request of a service: {why}"))
        })?;
        conversion.begin();
        Ok(Self { conversion, converting: None })
    }

    /// Whether contents are taken out.
    #[napi(getter, catch_unwind)]
    pub fn redacts(&self) -> bool {
        self.conversion.redacts()
    }

    /// Begins to write, with the names that are built in by now.
    #[napi(catch_unwind)]
    pub fn begin(&mut self) -> Result<()> {
        let refused = |why: String| error("ERR_PLIMSOLL_NATIVE", why);
        let file = standard_output().map_err(refused)?;
        self.converting = Some(Converting::new(&self.conversion, file));
        Ok(())
    }

    /// Adds a piece of the text; false where the rest is not wanted.
    #[napi(catch_unwind)]
    pub fn write(&mut self, text: Buffer) -> bool {
        self.converting.as_mut().is_some_and(|converting| converting.write(&text))
    }

    /// There is no more text, for this reason.
    #[napi(catch_unwind)]
    pub fn fail(&mut self, what: String) {
        if let Some(converting) = &mut self.converting {
            converting.fail(SnapshotError::Failed { what });
        }
    }

    /// The end of the text: what standard error is to have.
    #[napi(catch_unwind)]
    pub fn end(&mut self) -> String {
        self.converting.as_mut().map(Converting::end).unwrap_or_default()
    }
}

#[cfg(unix)]
fn standard_output() -> std::result::Result<File, String> {
    use std::os::fd::AsFd;
    let descriptor = std::io::stdout().as_fd().try_clone_to_owned();
    descriptor.map(File::from).map_err(|why| why.to_string())
}

#[cfg(not(unix))]
fn standard_output() -> std::result::Result<File, String> {
    Err("there are no heap images on this system".into())
}
