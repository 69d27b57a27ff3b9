//! A snapshot by a forked child: the service stands still for the fork alone.
//!
//! A plain fork of a Node process does not work: `linux_glibc` has the reasons. The child is expendable. If it fails,
//! the service goes on and may fork another one.

#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    path = "elsewhere.rs"
)]
#[cfg_attr(
    all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"),
    path = "linux_glibc/mod.rs"
)]
mod platform;

#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
pub(in crate::snapshot) use platform::{BlockedSignals, Regions};
pub use platform::{Child, Prepared, ReadableWorkers, Survey, is_denied, support};

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::error::SnapshotError;
use super::output::Written;
use super::store::Partial;

/// Children of this process that are waited for.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

/// Whether a child of this process is taking a snapshot, or its file is being taken over. A forked
/// child has no children.
#[must_use]
pub fn is_under_way() -> bool {
    UNDER_WAY.load(Ordering::Acquire) > 0
}

/// Counts a child while the value lives.
#[derive(Debug)]
pub struct UnderWay(());

impl UnderWay {
    /// A child that is about to be waited for.
    #[must_use]
    pub fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::AcqRel);
        Self(())
    }

    /// In a forked child, whose memory has the count of its parent.
    #[cfg_attr(
        not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        allow(dead_code, reason = "there is no fork here")
    )]
    fn forget_all() {
        UNDER_WAY.store(0, Ordering::Release);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a fork brought no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForkFailure {
    /// The moment was bad (a V8 worker was busy): nothing was forked.
    NotNow(String),
    /// The child failed in a way that another one may not.
    Lost(String),
    /// The child died in a way in which the service would die if it did the same work: out of memory,
    /// or of a crash. It is replaced once, and the work is never done in process.
    Killed(String),
    /// The child has not ended within [`Request::patience`](super::session::Request) and was killed.
    Slow(String),
    /// Another child would fail too.
    Final(SnapshotError),
}

impl ForkFailure {
    /// What an error means while `what` was opened or read: without descriptors no child can be forked, and no other
    /// try has more of them. Any other error is `otherwise`.
    #[cfg_attr(
        not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        allow(dead_code, reason = "there is no fork here")
    )]
    pub(in crate::snapshot) fn of_io(
        error: &io::Error,
        what: &Path,
        otherwise: fn(String) -> Self,
    ) -> Self {
        match SnapshotError::io(what, error) {
            none @ SnapshotError::Descriptors { .. } => Self::Final(none),
            _ => otherwise(error.to_string()),
        }
    }

    /// Whether a heap image may come about all the same: it needs neither a quiet V8 nor the memory of V8's builder,
    /// and fewer descriptors.
    #[must_use]
    pub fn leaves_room_for_an_image(&self) -> bool {
        match self {
            Self::NotNow(_) => true,
            Self::Final(error) => {
                error.is_memory() || matches!(error, SnapshotError::Descriptors { .. })
            }
            Self::Lost(_) | Self::Killed(_) | Self::Slow(_) => false,
        }
    }
}

impl From<ForkFailure> for SnapshotError {
    fn from(failure: ForkFailure) -> Self {
        match failure {
            ForkFailure::NotNow(what)
            | ForkFailure::Lost(what)
            | ForkFailure::Killed(what)
            | ForkFailure::Slow(what) => Self::Failed { what },
            ForkFailure::Final(error) => error,
        }
    }
}

/// The child's end: reports the result, then publishes a complete file. Whether the file has its name. The report comes
/// first: without it the service could not tell a published file from a failure, and would take another snapshot.
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    allow(dead_code, reason = "there is no fork here")
)]
pub(super) fn conclude(
    result: &Result<Written, ForkFailure>,
    report: impl FnOnce(&[u8]),
    publish: impl FnOnce() -> bool,
) -> bool {
    if let Ok(text) = serde_json::to_vec(result) {
        report(&text);
    }
    result.is_ok() && publish()
}

/// The service's side of it, once the child has ended: `answer` is what it reported, `published` whether its end says
/// that the file has its name, and `end` what its end means without a report.
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    allow(dead_code, reason = "there is no fork here")
)]
pub(super) fn take_over(
    partial: &Partial,
    answer: &[u8],
    published: bool,
    end: ForkFailure,
) -> Result<(PathBuf, Written), ForkFailure> {
    match serde_json::from_slice::<Result<Written, ForkFailure>>(answer) {
        Ok(Ok(written)) => Ok((partial.adopt(published).map_err(ForkFailure::Final)?, written)),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::error::Shortage;

    #[test]
    fn an_image_may_stand_in_where_v8_is_busy_or_lacks_memory() {
        let of = |failure: ForkFailure| failure.leaves_room_for_an_image();
        let no_room = |place| SnapshotError::NoRoom { place, needed: 2, available: 1 };
        assert!(of(ForkFailure::NotNow("busy".into())));
        assert!(of(ForkFailure::Final(no_room(Shortage::Container))));
        assert!(!of(ForkFailure::Final(no_room(Shortage::Disk))));
        for what in [ForkFailure::Lost, ForkFailure::Killed, ForkFailure::Slow] {
            assert!(!of(what("ended".into())), "an image would meet the same end");
        }
    }

    #[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
    #[test]
    fn a_child_is_under_way_while_one_is_waited_for() {
        let name = "snapshot::fork::tests::a_child_is_under_way_while_one_is_waited_for";
        if !crate::snapshot::testing::is_alone(name, "") {
            return;
        }
        assert!(!is_under_way());
        let two = [(); 2].map(|()| UnderWay::begin());
        let [one, other] = two;
        drop(one);
        assert!(is_under_way(), "the other one");
        drop(other);
        assert!(!is_under_way());
        std::mem::forget([UnderWay::begin(), UnderWay::begin()]);
        // What a forked child does, which has the memory of its parent.
        UnderWay::forget_all();
        assert!(!is_under_way());
    }
}
