//! Children of this process: those that write heap images, and the converter that makes a snapshot of an image.
//!
//! A child is expendable. If it fails, the service goes on and may start another one.

#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
    path = "elsewhere.rs"
)]
mod child;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod regions;

pub use child::Child;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
pub(in crate::snapshot) use {
    child::{BlockedSignals, become_expendable},
    regions::Regions,
};

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::error::SnapshotError;

/// Children of this process that are waited for.
static UNDER_WAY: AtomicU32 = AtomicU32::new(0);

/// Whether a child of this process is at work, or its file is being taken over.
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
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why a child brought nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkFailure {
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
    /// What an error means while `what` was opened or read. Without descriptors no child can be started, and no other
    /// try has more of them. After any other error another child may not fail.
    #[cfg_attr(
        not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")),
        allow(dead_code, reason = "there is no fork here")
    )]
    pub(in crate::snapshot) fn of_io(error: &io::Error, what: &Path) -> Self {
        match SnapshotError::io(what, error) {
            none @ SnapshotError::Descriptors { .. } => Self::Final(none),
            _ => Self::Lost(error.to_string()),
        }
    }
}

impl From<ForkFailure> for SnapshotError {
    fn from(failure: ForkFailure) -> Self {
        match failure {
            ForkFailure::Lost(what) | ForkFailure::Killed(what) | ForkFailure::Slow(what) => {
                Self::Failed { what }
            }
            ForkFailure::Final(error) => error,
        }
    }
}

#[cfg(all(test, target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod tests {
    use super::*;

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
    }

    #[test]
    fn only_the_lack_of_descriptors_is_final() {
        let of = |code| ForkFailure::of_io(&io::Error::from_raw_os_error(code), "/proc".as_ref());
        for none in [libc::EMFILE, libc::ENFILE] {
            let ForkFailure::Final(SnapshotError::Descriptors { .. }) = of(none) else {
                panic!("{:?}", of(none))
            };
        }
        assert!(matches!(of(libc::EACCES), ForkFailure::Lost(_)));
    }
}
