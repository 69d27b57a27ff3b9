//! What a rule finds in a growth.

use crate::heap::leak::causes::{Cause, Detail, Unit};
use crate::heap::leak::evidence::Evidence;
use crate::heap::snapshot::Node;

/// A cause with what the way or the contents say about it.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::heap) struct Finding {
    pub cause: Cause,
    pub detail: Detail,
    /// How many steps of the route lead to the thing to name: the emitter of an event, the stream of a buffer.
    pub subject: usize,
    /// The event whose listeners grow.
    pub event: Option<String>,
    /// The variable that functions keep alive.
    pub captured: Option<String>,
    /// The WeakMap whose value grows.
    pub weak_map: Option<Node>,
    /// What grows by so many, where the cause does not tell.
    pub unit: Option<Unit>,
    /// What the thing is, where it is a collection.
    pub collection: Option<Cause>,
}

impl Finding {
    /// A cause whose subject is what grew.
    pub fn new(cause: Cause, evidence: &Evidence) -> Self {
        Finding::at(cause, evidence.steps.len())
    }

    /// A cause whose subject so many steps lead to.
    pub fn at(cause: Cause, subject: usize) -> Self {
        Finding {
            cause,
            detail: Detail::Plain,
            subject,
            event: None,
            captured: None,
            weak_map: None,
            unit: None,
            collection: None,
        }
    }

    /// A cause that the contents show.
    pub fn of_contents(cause: Cause, evidence: &Evidence) -> Self {
        let contents = evidence.contents();
        let captured = contents.composition.captured.as_ref().filter(|_| contents.in_scopes);
        Finding {
            captured: captured.map(|found| found.1.clone()),
            collection: contents.collection,
            ..Finding::new(cause, evidence)
        }
    }

    pub fn with_detail(self, detail: Detail) -> Self {
        Finding { detail, ..self }
    }
}
