//! What the calling thread has cost.

use std::time::Duration;

/// Processor time of this thread so far: on a busy machine far less than has gone by. Zero where the
/// system does not say.
#[must_use]
pub fn cpu_time() -> Duration {
    #[cfg(unix)]
    {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the clock is POSIX's, and the structure is ours.
        if unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) } == 0 {
            return Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        }
    }
    Duration::ZERO
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_with_work_and_not_with_sleep() {
        let before = cpu_time();
        std::thread::sleep(Duration::from_millis(30));
        let slept = cpu_time();
        assert!(slept - before < Duration::from_millis(30));
        let mut sum = 0u64;
        while cpu_time() <= slept {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
