//! What each rule says of one kind of leak.

use crate::heap::graph::kind::EdgeKind;
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::suspect::Suspect;

/// A kind of leak.
pub(in crate::heap) trait Rule: Sync {
    /// Matches anything on the way, however far from what grew.
    fn match_route(&self, _evidence: &Evidence) -> Option<Finding> {
        None
    }

    /// Matches a reference near the end of the way, by its kind and name.
    fn match_step(
        &self,
        _evidence: &Evidence,
        _at: usize,
        _reference: (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        None
    }

    /// Matches what grew by what it is.
    fn match_thing(&self, _evidence: &Evidence) -> Option<Finding> {
        None
    }

    /// Matches by what most of the new objects are.
    fn match_contents(&self, _evidence: &Evidence) -> Option<Finding> {
        None
    }

    /// Completes a draft, whichever rule found its cause: name, place, count, what the advice depends on.
    fn detail(&self, _evidence: &Evidence, _draft: &mut Draft) {}

    /// Names something else than what grew, where that says more.
    fn replace_subject(&self, _evidence: &Evidence, _draft: &mut Draft) {}

    /// Changes a draft whose package is known.
    fn in_package(&self, _draft: &mut Draft) {}

    /// Whether Node bounds what grew, or removes it by itself later.
    fn is_bounded(&self, _evidence: &Evidence, _suspect: &Suspect) -> bool {
        false
    }

    /// What to change where the detail decides it, whatever the cause.
    fn advice_by_detail(&self, _detail: Detail) -> Option<&'static str> {
        None
    }

    /// What to change for a cause of this rule's.
    fn advice(&self, _cause: Cause, _about: &About) -> Option<String> {
        None
    }
}

/// What the advice may speak of.
pub(in crate::heap) struct About<'a> {
    pub detail: Detail,
    /// The event whose listeners grow.
    pub event: Option<&'a str>,
    /// The variable that functions keep alive.
    pub captured: Option<&'a str>,
}
