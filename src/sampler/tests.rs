//! A watch over a process whose files and whose time are made up: figures that cannot be read, stops, snapshots.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use serde_json::value::RawValue;

use super::borrowed::{self, Borrowing};
use super::figures::FigureSources;
use super::isolate::SampledIsolate;
use super::options::{Caches, SamplerOptions};
use super::record::Record;
use super::registry::Listed;
use super::sampling::Sampling;
use crate::background::Run;
use crate::os::pseudo_file::Files;
use crate::trend::{CacheFill, Config};
use crate::v8::gc::MARK_COMPACT;
use crate::v8::heap_statistics::HeapStatistics;

mod sim;

const MB: u64 = 1 << 20;
const SECOND: Duration = Duration::from_secs(1);
const EMFILE: i32 = 24;

/// What the process has of other tests' static state is theirs too: one at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[derive(Debug)]
struct NoCaches;

impl Caches for NoCaches {
    fn json(&self) -> serde_json::Result<Box<RawValue>> {
        serde_json::value::to_raw_value(&())
    }
    fn fills(&self) -> Vec<CacheFill> {
        Vec::new()
    }
    fn name(&self, _: u64) -> Option<String> {
        None
    }
    fn shared_bytes(&self) -> u64 {
        0
    }
}

#[derive(Debug, Default)]
struct World {
    texts: HashMap<&'static str, String>,
    /// Every read fails.
    failing: bool,
}

#[derive(Debug, Clone, Default)]
struct Fake(Arc<Mutex<World>>);

impl Files for Fake {
    fn read(&mut self, path: &Path) -> io::Result<String> {
        let world = self.0.lock();
        if world.failing {
            return Err(io::Error::from_raw_os_error(EMFILE));
        }
        let text = path.to_str().and_then(|path| world.texts.get(path));
        text.cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A watched process, second by second.
struct Life {
    files: Fake,
    record: Record,
    sampling: Sampling,
    now: Instant,
    rss: u64,
    notices: Vec<(u64, &'static str)>,
    seconds: u64,
    _alone: MutexGuard<'static, ()>,
}

impl Life {
    /// In a container of 1000 MB.
    fn new(rss: u64, given: Option<u64>) -> Self {
        let config = Config::new(30_000, 1000).unwrap().with_probe_budget(0.0).unwrap();
        Self::with(rss, given, config, false)
    }

    /// As [`Life::new`]; `failing`: nothing can be read when the watch begins.
    fn with(rss: u64, given: Option<u64>, config: Config, failing: bool) -> Self {
        let alone = ALONE.lock();
        borrowed::forget();
        let files = Fake::default();
        files.0.lock().texts.extend([
            ("/proc/self/cgroup", "0::/\n".into()),
            ("/proc/self/mountinfo", "30 23 0:26 / /none rw - cgroup2 cgroup2 rw\n".into()),
            ("/proc/meminfo", "MemTotal: 99999999 kB\nMemAvailable: 88888888 kB\n".into()),
            ("/none/memory.max", (1000 * MB).to_string()),
            ("/proc/thread-self/schedstat", "1 0 1\n".into()),
        ]);
        files.0.lock().failing = failing;
        let now = Instant::now();
        let record = Record::new(Duration::from_millis(config.interval_ms));
        let heap = HeapStatistics { total: 0, used: MB, limit: 4096 * MB, external: 0 };
        record.tick(Some(&heap), f64::NAN, None, 0);
        tell(&files, rss);
        let options = SamplerOptions {
            thread_id: 0,
            config,
            limit: given,
            threshold: 0.85,
            caches: Box::new(NoCaches),
            tracked: || serde_json::value::to_raw_value(&()),
            hooks: true,
        };
        let sources = FigureSources { files: Box::new(files.clone()), malloc: || None };
        let sampling = Sampling::new(options, sources, &record, now);
        let notices = Vec::new();
        Self { files, record, sampling, now, rss, notices, seconds: 0, _alone: alone }
    }

    /// One second passes, in which the process is stopped for so long.
    fn second(&mut self, stopped: Duration) {
        self.seconds += 1;
        self.now += SECOND + stopped;
        tell(&self.files, self.rss);
        self.sampling.sample(&self.record, Run { now: self.now, late: stopped });
        let notices = self.sampling.take_notices();
        self.notices.extend(notices.into_iter().map(|notice| (self.seconds, notice.kind)));
    }

    fn grow(&mut self, seconds: u64, bytes: u64, stopped: impl Fn(u64) -> Duration) {
        for second in 0..seconds {
            self.rss += bytes;
            self.second(stopped(second));
        }
    }

    fn fail(&self, failing: bool) {
        self.files.0.lock().failing = failing;
    }

    fn state(&self) -> Value {
        serde_json::to_value(self.sampling.state(&self.record)).unwrap()
    }

    fn share(&self) -> f64 {
        self.state()["pressure"]["process"].as_f64().unwrap()
    }

    /// An in-process snapshot: the resident size goes to `most` meanwhile and to `after` then.
    fn snapshot(&mut self, most: u64, after: u64) {
        let before = self.rss;
        let borrowing = Borrowing::begin();
        self.rss = most;
        self.second(Duration::ZERO);
        self.rss = after;
        borrowing.end(after - before);
    }
}

/// The kernel's answers for a resident size.
fn tell(files: &Fake, rss: u64) {
    let pages = rss / page_size();
    let mut world = files.0.lock();
    world.texts.insert("/proc/self/statm", format!("{} {pages} 1 1 0 1 0\n", pages * 2));
    world.texts.insert("/none/memory.current", rss.to_string());
}

fn page_size() -> u64 {
    // SAFETY: sysconf has no preconditions.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

const fn never(_: u64) -> Duration {
    Duration::ZERO
}

/// The background thread holds its locks while it reads files and judges, which may take long.
#[test]
fn the_tick_of_the_event_loop_waits_for_no_lock() {
    let life = Life::new(100 * MB, None);
    let Life { record, sampling, _alone: alone, .. } = life;
    let isolate = Arc::new(SampledIsolate::without_job(record, sampling));
    let (done, end) = std::sync::mpsc::channel();
    isolate.while_sampling(|| {
        let own = Arc::clone(&isolate);
        std::thread::spawn(move || {
            let heap = HeapStatistics { total: 2 * MB, used: MB, limit: 4096 * MB, external: 0 };
            let record = own.record();
            record.prologue(|| Some(heap));
            record.epilogue(MARK_COMPACT, || Some(heap));
            record.tick(record.is_stale().then_some(&heap), 0.5, Some(1), MB);
            done.send((own.has_notices(), own.take_probe(), own.wants_requests()))
        });
        let seen = end.recv_timeout(Duration::from_secs(60));
        assert_eq!(seen, Ok((true, true, true)), "it has waited for the background thread");
    });
    assert_eq!(isolate.record().mark_compacts().0, 1);
    drop(alone);
}

#[test]
fn figures_that_cannot_be_read_keep_their_values_and_their_age_is_reported() {
    let mut life = Life::new(960 * MB, None);
    life.grow(3, 0, never);
    assert_eq!((life.share(), life.notices.as_slice()), (0.96, &[(1, "threshold")][..]));
    assert_eq!(life.state()["stale"], serde_json::json!([]));
    life.fail(true);
    life.grow(12, 0, never);
    assert_eq!(life.share(), 0.96);
    assert_eq!(life.state()["memory"]["rss"], 960 * MB);
    let stale = life.state()["stale"].as_array().unwrap().clone();
    let named: Vec<&str> = stale.iter().map(|each| each["figure"].as_str().unwrap()).collect();
    assert_eq!(named, ["rss", "container", "available"]);
    life.fail(false);
    life.grow(40, 0, never);
    assert_eq!(life.state()["stale"], serde_json::json!([]));
    assert_eq!(life.notices, [(1, "threshold")], "nothing was crossed for a second time");
}

#[test]
fn a_native_leak_stays_one_while_nothing_can_be_read() {
    let mut life = Life::new(100 * MB, None);
    life.grow(90, 3 * MB, never);
    let kinds = |life: &Life| life.notices.iter().map(|notice| notice.1).collect::<Vec<_>>();
    assert!(kinds(&life).contains(&"leak"), "{:?}", life.notices);
    let before = kinds(&life);
    life.fail(true);
    life.grow(60, 3 * MB, never);
    life.fail(false);
    life.grow(60, 3 * MB, never);
    let after = kinds(&life);
    assert!(!after.contains(&"recovered"), "{:?}", life.notices);
    assert_eq!(after.iter().filter(|kind| **kind == "leak").count(), 1, "{before:?} {after:?}");
}

#[test]
fn every_moment_at_which_reading_fails_is_harmless() {
    let mut whole = Life::new(700 * MB, None);
    whole.grow(40, MB, never);
    let (share, notices) = (whole.share(), whole.notices.clone());
    drop(whole);
    for moment in 0..39 {
        let mut life = Life::new(700 * MB, None);
        life.grow(moment, MB, never);
        life.fail(true);
        life.grow(1, MB, never);
        life.fail(false);
        life.grow(39 - moment, MB, never);
        assert!((life.share() - share).abs() < 0.0015, "{moment} {}", life.share());
        assert_eq!(life.notices, notices, "{moment}");
    }
}

#[test]
fn a_stopped_process_is_judged_as_one_that_was_never_stopped() {
    let mut runs = Life::new(100 * MB, None);
    runs.grow(90, 3 * MB, never);
    let (notices, verdict) = (runs.notices.clone(), runs.state()["verdict"].clone());
    assert!(notices.iter().any(|notice| notice.1 == "leak"), "{notices:?}");
    drop(runs);
    for stops in [
        |second: u64| if second % 5 == 4 { SECOND * 5 } else { Duration::ZERO },
        |second: u64| if second == 20 { SECOND * 86_400 } else { Duration::ZERO },
        |_| SECOND * 7,
    ] {
        let mut life = Life::new(100 * MB, None);
        life.grow(90, 3 * MB, stops);
        assert_eq!((&life.notices, &life.state()["verdict"]), (&notices, &verdict));
        assert_eq!(life.state()["verdict"]["observedMs"], 89_000);
    }
}

#[test]
fn a_program_that_ran_for_five_seconds_is_not_steady_however_long_it_was_stopped() {
    let mut life = Life::new(100 * MB, None);
    life.grow(5, 0, |second| if second == 2 { SECOND * 600 } else { Duration::ZERO });
    let state = life.state();
    assert_eq!(state["verdict"]["state"], "too-early");
    assert_eq!(state["stoppedMs"], 600_000);
}

#[test]
fn what_a_snapshot_leaves_with_the_allocator_is_no_pressure() {
    for given in [None, Some(1000 * MB)] {
        let mut life = Life::new(110 * MB, given);
        life.grow(6, 0, never);
        life.snapshot(990 * MB, 950 * MB);
        assert_eq!(life.share(), 0.11, "nor is what it takes while it is built");
        life.grow(40, 0, never);
        assert_eq!(life.share(), 0.11);
        assert_eq!(life.state()["memory"]["rss"], 950 * MB);
        assert_eq!(life.notices, []);
        life.grow(30, 30 * MB, never);
        assert_eq!(life.share(), 1.01, "growth of the service is seen");
    }
}
