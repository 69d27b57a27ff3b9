//! The draft of a suspect, which the rules complete.

use crate::heap::explain::code_index::Function;
use crate::heap::explain::names::Named;
use crate::heap::explain::retaining_path::PathStep;
use crate::heap::leak::causes::{Cause, Detail, Unit};
use crate::heap::leak::count::Count;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rules::caches::BoundedCache;
use crate::heap::snapshot::Node;
use crate::js_source::files::{self, Package, Place};

/// What is known of a suspect so far.
pub(in crate::heap) struct Draft {
    pub cause: Cause,
    pub detail: Detail,
    pub name: String,
    /// What the module calls what it exports as a whole, if the name is that of its file.
    pub exported_as: Option<String>,
    pub place: Option<Place>,
    /// The file that it is of, if no source tells the place.
    pub file: Option<String>,
    pub path: Vec<String>,
    /// The objects of the path.
    pub objects: Vec<PathStep>,
    pub holder: String,
    pub event: Option<String>,
    pub captured: Option<String>,
    pub weak_map: Option<Node>,
    pub collection: Option<Cause>,
    /// The code that made what is new, with its share of it.
    pub sites: Vec<(Function, f64)>,
    /// How much was gained, and what that counts.
    pub gained: Count,
    /// What the report counts, where the cause does not tell.
    pub unit: Option<Unit>,
    pub delay: Option<u32>,
    pub package: Option<Package>,
    /// How full it is, where it is a cache with a bound.
    pub cache: Option<BoundedCache>,
}

impl Draft {
    pub fn new(finding: Finding, named: Named, gained: Count) -> Self {
        Draft {
            cause: finding.cause,
            detail: finding.detail,
            name: named.name,
            exported_as: named.exported_as,
            place: named.place,
            file: None,
            path: named.path,
            objects: named.objects,
            holder: named.holder,
            event: finding.event,
            captured: finding.captured,
            weak_map: finding.weak_map,
            collection: finding.collection,
            sites: Vec::new(),
            gained,
            unit: finding.unit,
            delay: None,
            package: None,
            cache: None,
        }
    }

    /// The file of the place, or the one that is known alone.
    pub fn file(&self) -> Option<&str> {
        self.place.as_ref().map(|place| place.file.as_str()).or(self.file.as_deref())
    }

    /// Whether the file is a package's.
    pub fn is_in_package(&self) -> bool {
        self.file().is_some_and(|file| file.contains(files::PACKAGES))
    }

    /// Whether the place is in Node's own code.
    pub fn is_in_node(&self) -> bool {
        self.place.as_ref().is_some_and(|place| files::is_internal(&place.file))
    }

    /// Names another thing instead.
    pub fn rename(&mut self, cause: Cause, named: Named) {
        self.cause = cause;
        self.exported_as = named.exported_as;
        (self.name, self.place, self.path, self.objects, self.holder) =
            (named.name, named.place, named.path, named.objects, named.holder);
    }
}
