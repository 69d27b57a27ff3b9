//! The stores of the process by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::store::{SharedStore, StoreOptions};

/// Never shrinks: a store lives as long as the process, so that a thread may come and go.
static STORES: Mutex<BTreeMap<String, Arc<SharedStore>>> = Mutex::new(BTreeMap::new());

/// Why a store cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// There is none of that name, and no options to make it with.
    Missing,
    /// It was opened with these other options.
    Mismatch(StoreOptions),
}

/// Opens the store of that name, made with `options` by the first who asks; `None` takes it as it is.
///
/// # Errors
/// Where it has other options, or does not exist and none are given.
pub fn open(name: &str, options: Option<StoreOptions>) -> Result<Arc<SharedStore>, OpenError> {
    let mut stores = STORES.lock();
    match (stores.get(name), options) {
        (None, None) => Err(OpenError::Missing),
        (Some(store), Some(options)) if store.options() != options => {
            Err(OpenError::Mismatch(store.options()))
        }
        (Some(store), _) => Ok(Arc::clone(store)),
        (None, Some(options)) => {
            let store = Arc::new(SharedStore::new(options));
            stores.insert(name.to_owned(), Arc::clone(&store));
            Ok(store)
        }
    }
}

/// Every store with its name, in the order of the names.
#[must_use]
pub fn stores() -> Vec<(String, Arc<SharedStore>)> {
    STORES.lock().iter().map(|(name, store)| (name.clone(), Arc::clone(store))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::policy::Policy;
    use super::*;

    #[test]
    fn a_name_is_one_store_and_its_options_are_fixed() {
        let options = StoreOptions { max_bytes: 1 << 20, ttl: u64::MAX, policy: Policy::Adaptive };
        assert_eq!(open("registry", None).err(), Some(OpenError::Missing));
        let store = open("registry", Some(options)).unwrap();
        assert!(Arc::ptr_eq(&store, &open("registry", None).unwrap()));
        assert!(Arc::ptr_eq(&store, &open("registry", Some(options)).unwrap()));
        let other = StoreOptions { ttl: 5, ..options };
        assert_eq!(open("registry", Some(other)).err(), Some(OpenError::Mismatch(options)));
        assert!(
            stores().iter().any(|(name, other)| name == "registry" && Arc::ptr_eq(&store, other))
        );
    }
}
