//! Lives of services from a seed: stops, also in the middle of a collection, figures that cannot be read, limits that
//! change. `PLIMSOLL_SIM_SEED` repeats a run, `PLIMSOLL_SIM_SECONDS` makes it longer.

#![allow(clippy::print_stdout, reason = "a run prints its seed")]

use super::*;
use crate::random::Random;
use crate::trend::CollectionCause;

const MINUTE: Duration = Duration::from_secs(60);

/// One interval of a life, a second if nothing else is said.
#[derive(Debug, Clone, Copy)]
struct Second {
    /// For how long the process is stopped in it.
    stopped: Duration,
    /// The stop is in the middle of the collection that ends in it.
    in_collection: bool,
    /// No figure can be read.
    failing: bool,
    /// The container's limit, MB.
    limit: u64,
}

const CALM: Second =
    Second { stopped: Duration::ZERO, in_collection: false, failing: false, limit: 1000 };

/// What was seen of a life.
#[derive(Debug, PartialEq)]
struct Seen {
    notices: Vec<(u64, &'static str)>,
    probes: Vec<u64>,
    collection_ms: u64,
    state: String,
}

/// Lives a life in which the resident size and the live heap follow courses, in MB by the second.
fn live(seconds: &[Second], rss: impl Fn(u64) -> u64, heap: impl Fn(u64) -> u64) -> (Life, Seen) {
    live_by(Config::new(30_000, 1000).unwrap(), seconds, rss, heap)
}

/// As [`live`], with the window and the interval of a watch.
fn live_by(
    config: Config,
    seconds: &[Second],
    rss: impl Fn(u64) -> u64,
    heap: impl Fn(u64) -> u64,
) -> (Life, Seen) {
    let interval = Duration::from_millis(config.interval_ms);
    let failing = seconds.first().is_some_and(|second| second.failing);
    let mut life = Life::with(rss(0) * MB, None, config, failing);
    let mut probes = Vec::new();
    // The collection that the process was stopped in ends when it goes on.
    let mut interrupted = None;
    for (at, second) in (0..).zip(seconds) {
        life.rss = rss(at) * MB;
        life.seconds = at + 1;
        life.now += interval + second.stopped;
        tell(&life.files, life.rss);
        let mut world = life.files.0.lock();
        world.failing = second.failing;
        world.texts.insert("/none/memory.max", (second.limit * MB).to_string());
        drop(world);
        let used = heap(at) * MB;
        let figures = HeapStatistics { total: used, used, limit: 4096 * MB, external: 0 };
        // The garbage of a second is on top of what lives.
        let with_garbage = HeapStatistics { used: used + 2 * MB, ..figures };
        life.record.tick(Some(&with_garbage), 0.5, None, 0);
        let run = Run { now: life.now, late: second.stopped };
        let collects = life.sampling.sample(&life.record, run);
        if interrupted.take().is_some() {
            let pause = Duration::from_millis(20) + second.stopped;
            life.record.collected_at(life.now + Duration::from_millis(10), &figures, pause);
        }
        let cause = if collects { CollectionCause::Probe } else { CollectionCause::Natural };
        if collects {
            probes.push(at);
        }
        if collects || at % 5 == 4 {
            life.sampling.set_cause(&life.record, cause);
            let next = seconds.get(at as usize + 1).copied().unwrap_or(CALM);
            if next.in_collection && next.stopped > Duration::ZERO {
                interrupted = Some(());
            } else {
                let end = life.now + interval / 2;
                life.record.collected_at(end, &figures, Duration::from_millis(20));
            }
        }
        let notices = life.sampling.take_notices();
        life.notices.extend(notices.into_iter().map(|notice| (life.seconds, notice.kind)));
    }
    let state = life.state();
    let seen = Seen {
        notices: life.notices.clone(),
        probes,
        collection_ms: state["collectionMs"].as_u64().unwrap(),
        state: state["verdict"]["state"].as_str().unwrap().to_owned(),
    };
    (life, seen)
}

fn draw(random: &mut Random, length: usize) -> Vec<Second> {
    let mut failing = random.below(4) == 0;
    let mut limit = 1000;
    (0..length)
        .map(|_| {
            if random.below(12) == 0 {
                failing = random.below(3) == 0;
            }
            if random.below(40) == 0 {
                limit = 500 + random.below(1500);
            }
            let stopped = match random.below(10) {
                0 => SECOND * u32::try_from(2 + random.below(100_000)).unwrap(),
                _ => Duration::ZERO,
            };
            Second { stopped, in_collection: random.below(2) == 0, failing, limit }
        })
        .collect()
}

fn without_stops(seconds: &[Second]) -> Vec<Second> {
    seconds.iter().map(|second| Second { stopped: Duration::ZERO, ..*second }).collect()
}

/// Runs `check` with new random numbers for some seconds.
fn campaign(check: impl Fn(&mut Random)) {
    let seed = Random::seed();
    let mut random = Random::new(seed);
    let deadline = Instant::now() + Random::seconds(1);
    let mut lives = 0;
    while Instant::now() < deadline || lives < 20 {
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&mut random)));
        if let Err(panic) = checked {
            println!("PLIMSOLL_SIM_SEED={seed}, life {lives}");
            std::panic::resume_unwind(panic);
        }
        lives += 1;
    }
    println!("seed {seed}: {lives} lives");
}

#[test]
fn time_in_which_the_process_is_stopped_proves_nothing() {
    campaign(|random| {
        let mut seconds = draw(random, 150);
        // The end of a collection moves with a stop in it, by less than an interval.
        seconds.iter_mut().for_each(|second| second.in_collection = false);
        let (leak, heap_leak) = (random.below(4), random.below(4));
        let rss = |at: u64| 200 + at * (leak + heap_leak);
        let heap = |at: u64| 30 + at * heap_leak;
        let (_, stopped) = live(&seconds, rss, heap);
        let (_, running) = live(&without_stops(&seconds), rss, heap);
        assert_eq!(stopped, running, "{seconds:?}");
    });
}

#[test]
fn a_steady_process_is_no_leak_whatever_cannot_be_read() {
    campaign(|random| {
        let seconds = draw(random, 150);
        let base = 100 + random.below(300);
        let (_, seen) = live(&seconds, |at| base + at * 7 % 3, |at| 30 + at * 5 % 2);
        let wrong = |notice: &&(u64, &'static str)| matches!(notice.1, "leak" | "suspect");
        assert_eq!(seen.notices.iter().find(wrong), None, "{seconds:?}");
    });
}

#[test]
fn limits_rest_on_the_first_size_that_was_read() {
    let mut seconds = [CALM; 20];
    seconds[0].failing = true;
    // Without a container the limit is a multiple of the size at the start.
    seconds.iter_mut().for_each(|second| second.limit = 1 << 40);
    let limits = |seconds: &[Second]| {
        let (life, _) = live(seconds, |_| 2000, |_| 30);
        life.state()["limits"].clone()
    };
    let late = limits(&seconds);
    seconds[0].failing = false;
    assert_eq!(late, limits(&seconds));
}

#[test]
fn a_stop_in_a_probe_leaves_the_budget_to_later_probes() {
    let mut seconds = [CALM; 300];
    let rss = |at| 200 + at;
    let heap = |at| 30 + at;
    let (life, running) = live(&seconds, rss, heap);
    drop(life);
    let first = usize::try_from(running.probes[0]).unwrap();
    seconds[first + 1] = Second { stopped: SECOND * 3600, in_collection: true, ..CALM };
    let (_, stopped) = live(&seconds, rss, heap);
    assert!(stopped.probes.len() >= running.probes.len(), "{:?}", stopped.probes);
    assert!(stopped.collection_ms < running.collection_ms + 1000, "{}", stopped.collection_ms);
    assert_eq!(stopped.state, running.state);
}

/// Without a reading of the resident size there is nothing new to say of native memory.
#[test]
fn a_verdict_rests_on_figures_that_were_read() {
    campaign(|random| {
        let mut seconds = draw(random, 200);
        let last = 20 + random.below(100);
        seconds.iter_mut().skip(last as usize).for_each(|second| second.failing = true);
        let growth = random.below(6);
        let (life, _) = live(&seconds, |at| 200 + at * growth, |at| 30 + at * 5 % 2);
        let of_window = life.notices.iter().filter(|(at, _)| *at > last + 30);
        let wrong = of_window.filter(|(_, kind)| matches!(*kind, "leak" | "suspect")).count();
        assert_eq!(wrong, 0, "the last reading at {last}: {:?} {seconds:?}", life.notices);
    });
}

/// V8's own figures are always there: stops and unread files do not hide a leak of the heap.
#[test]
fn a_leak_of_the_heap_is_found() {
    campaign(|random| {
        let seconds = draw(random, 300);
        let leak = 2 + random.below(4);
        let (life, seen) = live(&seconds, |at| 200 + at * leak, |at| 30 + at * leak);
        assert_eq!(seen.state, "leak", "{:?} {seconds:?}", life.notices);
    });
}

/// A container that cannot be read for some time keeps its last limit; the verdict does not depend on it.
#[test]
fn limits_survive_what_cannot_be_read() {
    let mut seconds = [CALM; 60];
    let limits = |seconds: &[Second]| {
        let (life, _) = live(seconds, |_| 200, |_| 30);
        life.state()["limits"].clone()
    };
    let read = limits(&seconds);
    seconds.iter_mut().skip(20).for_each(|second| second.failing = true);
    assert_eq!(limits(&seconds), read);
}

/// A month of readings each five minutes, or a year in a long run; stops, failures and limits as they come.
#[test]
fn a_year_without_a_leak() {
    let mut random = Random::new(Random::seed());
    let days = if Random::seconds(0).is_zero() { 30 } else { 365 };
    let interval = MINUTE * 5;
    let config = Config::new(12 * 5 * 60_000, 5 * 60_000).unwrap();
    let mut intervals = draw(&mut random, days * 24 * 12);
    for each in intervals.iter_mut().filter(|each| each.stopped > Duration::ZERO) {
        // Only a delay of more than an interval counts as a stop, and not as a busy machine.
        each.stopped = interval * 3;
    }
    let (life, seen) = live_by(config, &intervals, |at| 200 + at * 7 % 3, |at| 30 + at * 5 % 2);
    let wrong = |notice: &&(u64, &'static str)| matches!(notice.1, "leak" | "suspect");
    assert_eq!(seen.notices.iter().find(wrong), None);
    // The time in which it was stopped is no part of the time that it was watched.
    let ran = interval.as_millis() as u64 * intervals.len() as u64;
    let stops = intervals.iter().filter(|each| each.stopped > Duration::ZERO).count() as u64;
    assert_eq!(life.state()["stoppedMs"].as_u64(), Some(stops * 3 * interval.as_millis() as u64));
    assert_eq!(life.sampling.ran_ms(life.now), ran);
}
