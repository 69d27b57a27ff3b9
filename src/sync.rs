//! The locks and atomic words of what several threads use without other help. In the models (`npm run test:models`)
//! they are loom's: it runs a model once for each order in which its threads can take turns, and for each value that a
//! load may return under the memory model.

#[cfg(not(all(test, models)))]
pub use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(all(test, models)))]
pub use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, fence};
#[cfg(not(all(test, models)))]
pub use std::thread;

#[cfg(all(test, models))]
pub use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, fence};
#[cfg(all(test, models))]
pub use loom::thread;
#[cfg(all(test, models))]
pub use modelled::{Condvar, Mutex, MutexGuard, explore};

/// The time by which jobs run. That of a model goes on by [`modelled::STEP`] with each reading.
pub fn now() -> std::time::Instant {
    #[cfg(all(test, models))]
    return modelled::now();
    #[cfg(not(all(test, models)))]
    std::time::Instant::now()
}

#[cfg(all(test, models))]
mod modelled {
    use std::ops::{Deref, DerefMut};
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    use std::sync::{Arc, LazyLock};
    use std::time::{Duration, Instant};

    pub const STEP: Duration = Duration::from_millis(10);

    static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
    static READINGS: AtomicU32 = AtomicU32::new(0);

    pub fn now() -> Instant {
        *EPOCH + STEP * READINGS.fetch_add(1, Ordering::Relaxed)
    }

    /// loom's lock with the interface of `parking_lot`.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    /// Holds none while its thread waits.
    #[derive(Debug)]
    pub struct MutexGuard<'a, T>(Option<loom::sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        pub fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard(Some(self.0.lock().unwrap()))
        }

        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok().map(|guard| MutexGuard(Some(guard)))
        }
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().unwrap()
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().unwrap()
        }
    }

    /// A wait ends by a notification alone: where one is lost, the model ends in a deadlock and says so.
    #[derive(Debug, Default)]
    pub struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn wait_until<T>(&self, guard: &mut MutexGuard<'_, T>, _: Instant) {
            let held = guard.0.take().unwrap();
            guard.0 = Some(self.0.wait(held).unwrap());
        }
    }

    /// Runs `model` in each order of its threads with at most `switches` changes of thread that none of them asks for.
    pub fn explore(name: &str, switches: usize, model: impl Fn() + Send + Sync + 'static) {
        let runs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&runs);
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(switches);
        builder.check(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            READINGS.store(0, Ordering::Relaxed);
            model();
        });
        println!("{name}: {} orders", runs.load(Ordering::Relaxed));
    }
}
