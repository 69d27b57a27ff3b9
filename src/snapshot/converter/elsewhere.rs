//! Platforms without heap images.

use std::time::Duration;

use super::Conversion;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::fork::ForkFailure;
use crate::snapshot::image::{self, Destination, PreparedImage};
use crate::snapshot::output::Written;
use crate::snapshot::session::Session;
use crate::snapshot::store::Partial;

impl Conversion {
    /// There is no service that starts a converter here.
    pub(super) fn follow_service(&self) {}
}

/// Never succeeds.
///
/// # Errors
/// Always.
pub fn memory(_: &Session) -> Result<Destination, ForkFailure> {
    let why = image::support().err().unwrap_or_default();
    Err(ForkFailure::Final(SnapshotError::Unavailable { why }))
}

/// Cannot be called.
///
/// # Errors
/// Never returns.
pub fn convert(
    image: &PreparedImage,
    _: &Partial,
    _: &Session,
    _: Option<Duration>,
) -> Result<Written, ForkFailure> {
    match *image {}
}
