//! Recordings of stacks replayed for hours: repeated end to end with pauses between, with limits near to the live heap
//! and far from it, with windows of 1 to 15 minutes, and with leaks mixed in.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use plimsoll::trend::{
    Channel, Collection, CollectionCause, Config, Event, Limits, Reading, Trend,
};

use crate::tape::{Line, Step, Tape};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const WINDOWS: [u64; 5] = [1, 3, 5, 10, 15];
/// Limits, as multiples of the live heap.
const FACTORS: [f64; 5] = [1.2, 1.5, 2.0, 4.0, 8.0];
/// Without traffic, between two repetitions.
const PAUSES: [u64; 4] = [2 * MINUTE, 10 * MINUTE, MINUTE, 3 * MINUTE];
/// A night without traffic follows a day of so long.
const DAY: u64 = 5 * HOUR;
const NIGHT: u64 = 3 * HOUR;
/// What a start does is not repeated.
const WARM: u64 = 2 * MINUTE;
/// MB a minute.
const RATES: [f64; 4] = [0.1, 1.0, 10.0, 100.0];
const LONGEST: u64 = 72 * HOUR;

struct Joined<'a> {
    lines: &'a [Line],
    at: usize,
    /// What is added to the time of a line.
    offset: u64,
    pauses: usize,
    pause_left: u64,
    /// When the day began.
    morning: u64,
    /// Time without traffic so far, ms.
    quiet: u64,
    t: u64,
    end: u64,
    allocated: u64,
    used: u64,
    window: u64,
    limits: Limits,
    /// When the leak begins, and bytes a ms.
    leak: Option<(u64, f64)>,
}

impl<'a> Joined<'a> {
    fn new(lines: &'a [Line], window: u64, factor: f64, end: u64) -> Self {
        let live = live(lines, |line| line.used) as f64;
        let resident = live_rss(lines) as f64;
        let times = |bytes: f64| (bytes * factor) as u64;
        let limits =
            Limits { heap: times(live), external: times(resident), native: times(resident) };
        Self {
            lines,
            at: 0,
            offset: 0,
            pauses: 0,
            pause_left: 0,
            morning: 0,
            quiet: 0,
            t: 0,
            end,
            allocated: 0,
            used: 0,
            window,
            limits,
            leak: None,
        }
    }

    fn leaked(&self) -> u64 {
        self.leak.map_or(0, |(start, rate)| (self.t.saturating_sub(start) as f64 * rate) as u64)
    }

    /// The line as it is at this time, with what has leaked.
    fn now(&self, line: &Line) -> Line {
        let leaked = self.leaked();
        let (rss, total, used) = (line.rss + leaked, line.total + leaked, line.used + leaked);
        Line { t: self.t, rss, total, used, ..*line }
    }

    fn reading(&self, line: &Line) -> Reading {
        let now = self.now(line);
        Reading {
            t: now.t,
            rss: now.rss,
            heap_total: now.total,
            heap_used: now.used,
            external: now.external,
            native: Some(now.native()),
            allocated: self.allocated,
            ..Reading::default()
        }
    }

    fn last(&self, kind: u8) -> Option<&'a Line> {
        self.lines.iter().rev().find(|line| line.kind == kind)
    }

    /// A second without traffic: a collection finds the floor that the recording ended with.
    fn quiet(&mut self, probe: bool) -> Option<Step> {
        self.t += 1000;
        self.quiet += 1000;
        self.pause_left = self.pause_left.saturating_sub(1000);
        let floor = self.last(b'p').filter(|_| probe);
        let collections: Vec<Collection> = floor
            .map(|line| self.now(line).collection(CollectionCause::Probe))
            .into_iter()
            .collect();
        let reading = self.reading(self.last(if probe { b'p' } else { b'r' })?);
        Some(Step { collections, lowest: None, reading, stopped_ms: 0.0 })
    }

    fn repeat(&mut self) {
        self.at = self.lines.iter().position(|line| line.t >= WARM).unwrap_or(0);
        self.pause_left = PAUSES[self.pauses % PAUSES.len()];
        self.pauses += 1;
        if self.t - self.morning >= DAY {
            self.pause_left = NIGHT;
            self.morning = self.t + NIGHT;
        }
        self.offset = self.t + self.pause_left + 1000 - self.lines[self.at].t;
    }
}

impl Tape for Joined<'_> {
    fn step(&mut self, mut probe: bool) -> Option<Step> {
        let (mut collections, mut stopped_ms) = (Vec::new(), 0.0);
        while self.t < self.end {
            if self.pause_left > 0 {
                return self.quiet(probe);
            }
            let Some(line) = self.lines.get(self.at).copied() else {
                self.repeat();
                continue;
            };
            self.at += 1;
            self.t = line.t + self.offset;
            self.allocated += line.used.saturating_sub(self.used);
            self.used = line.used;
            match line.kind {
                b'g' => {
                    stopped_ms += line.extra;
                    collections.push(self.now(&line).collection(CollectionCause::Natural));
                }
                b'p' if std::mem::take(&mut probe) => {
                    collections.push(self.now(&line).collection(CollectionCause::Probe));
                }
                b'r' => {
                    let lowest =
                        (line.extra > 0.0).then_some((line.extra * 1024.0) as u64 + self.leaked());
                    let reading = self.reading(&line);
                    return Some(Step { collections, lowest, reading, stopped_ms });
                }
                _ => {}
            }
        }
        None
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn window_ms(&self) -> u64 {
        self.window
    }

    fn to_limit(&self, _channel: Channel) -> (u64, u64) {
        let (start, rate) = self.leak.unwrap_or((0, 0.0));
        let left = self.limits.heap - live(self.lines, |line| line.used).min(self.limits.heap);
        (start, if rate > 0.0 { (left as f64 / rate) as u64 } else { u64::MAX })
    }
}

/// The median of what is alive after the collections of the second half.
fn live(lines: &[Line], of: impl Fn(&Line) -> u64) -> u64 {
    let mut floors: Vec<u64> = lines.iter().filter(|line| line.kind == b'p').map(of).collect();
    let mut later = floors.split_off(floors.len() / 2);
    later.sort_unstable();
    later.get(later.len() / 2).copied().unwrap_or(0)
}

fn live_rss(lines: &[Line]) -> u64 {
    live(lines, |line| line.rss)
}

/// A recording with its name.
type Named = (String, Vec<Line>);

/// The recordings of stacks, by name.
fn recordings() -> Result<Vec<Named>, Box<dyn Error>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bench/detect/series");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if let Some(name) = name.strip_prefix("stack-") {
            found.push((name.to_owned(), Line::all(&fs::read_to_string(&path)?)));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

struct Heard {
    suspicions: Vec<(u64, Channel)>,
    leaks: Vec<(u64, Channel)>,
    /// When the tape ended.
    t: u64,
}

fn listen(tape: &mut Joined, until_leak: bool) -> Result<Heard, Box<dyn Error>> {
    let mut trend = Trend::new(Config::new(tape.window_ms(), 1000)?, tape.limits());
    let mut heard = Heard { suspicions: Vec::new(), leaks: Vec::new(), t: 0 };
    let mut asked = false;
    while let Some(step) = tape.step(asked) {
        asked &= !step.collections.iter().any(|each| each.cause == CollectionCause::Probe);
        heard.t = step.reading.t;
        if let Some(lowest) = step.lowest {
            trend.scavenge(heard.t, lowest);
        }
        step.collections.iter().for_each(|collection| trend.collection(collection));
        trend.reading(&step.reading);
        for event in trend.advance(heard.t) {
            match event {
                Event::Probe => asked = true,
                Event::Suspect(channel) => heard.suspicions.push((heard.t, channel)),
                Event::Leak(channel) => heard.leaks.push((heard.t, channel)),
                Event::Recovered(_) => {}
            }
        }
        if until_leak && heard.leaks.iter().any(|(_, channel)| *channel == Channel::Heap) {
            break;
        }
    }
    Ok(heard)
}

/// Replays each recording for `hours` with each window and limit, and for as long as a leak that is mixed in takes.
/// `part`: only recordings whose name has it.
pub fn replay(hours: u64, part: &str, verbose: bool) -> Result<(), Box<dyn Error>> {
    let mut recordings = recordings()?;
    recordings.retain(|(name, _)| name.contains(part));
    let recorded: u64 =
        recordings.iter().filter_map(|(_, lines)| lines.last()).map(|line| line.t).sum();
    println!("{} recordings, {:.1} hours", recordings.len(), recorded as f64 / HOUR as f64);
    println!(
        "{:24} {:>8} {:>8} {:>8} {:>12} {:>10}",
        "window, limit", "hours", "traffic", "leaks", "suspicions", "in 10 h"
    );
    let mut total = Total::default();
    for window in WINDOWS {
        for factor in FACTORS {
            let mut sum = Total::default();
            for (name, lines) in &recordings {
                let mut tape = Joined::new(lines, window * MINUTE, factor, hours * HOUR);
                let heard = listen(&mut tape, false)?;
                sum.hours += heard.t as f64 / HOUR as f64;
                sum.traffic += heard.t.saturating_sub(tape.quiet) as f64 / HOUR as f64;
                sum.leaks += heard.leaks.len();
                sum.suspicions += heard.suspicions.len();
                if verbose && !(heard.leaks.is_empty() && heard.suspicions.is_empty()) {
                    println!(
                        "  {name}: leaks {:?}, suspicions {:?}",
                        heard.leaks, heard.suspicions
                    );
                }
            }
            println!("{}", sum.row(&format!("{window} min, {factor} x live")));
            total.add(&sum);
        }
    }
    println!("{}\n", total.row("all"));
    mixed_in(&recordings, verbose)
}

/// What was heard of healthy services.
#[derive(Default)]
struct Total {
    hours: f64,
    /// Of these with traffic.
    traffic: f64,
    leaks: usize,
    suspicions: usize,
}

impl Total {
    fn add(&mut self, other: &Self) {
        self.hours += other.hours;
        self.traffic += other.traffic;
        self.leaks += other.leaks;
        self.suspicions += other.suspicions;
    }

    fn row(&self, name: &str) -> String {
        let Self { hours, traffic, leaks, suspicions } = self;
        let rate = *suspicions as f64 * 10.0 / traffic;
        format!("{name:24} {hours:>8.0} {traffic:>8.0} {leaks:>8} {suspicions:>12} {rate:>10.2}")
    }
}

/// Leaks that begin after two windows: how many are found before the limit, and after what share of the time to it.
fn mixed_in(recordings: &[Named], verbose: bool) -> Result<(), Box<dyn Error>> {
    println!("{:36} {:>10} {:>14}", "leak, window, limit", "found", "median share");
    for rate in RATES {
        for window in WINDOWS {
            for factor in [2.0, 4.0, 8.0] {
                let (mut found, mut of, mut shares) = (0, 0, Vec::new());
                for (name, lines) in recordings {
                    let mut tape = Joined::new(lines, window * MINUTE, factor, LONGEST);
                    let start = 2 * window * MINUTE;
                    tape.leak = Some((start, rate * f64::from(1 << 20) / MINUTE as f64));
                    let (_, left) = tape.to_limit(Channel::Heap);
                    if left > LONGEST - start {
                        continue;
                    }
                    of += 1;
                    tape.end = start + left;
                    let heard = listen(&mut tape, true)?;
                    let at = heard.leaks.iter().find(|(_, channel)| *channel == Channel::Heap);
                    match at {
                        Some((t, _)) => {
                            found += 1;
                            shares.push(t.saturating_sub(start) as f64 / left as f64);
                        }
                        None if verbose => {
                            println!("  {name}: not before the limit, {} s", left / 1000);
                        }
                        None => {}
                    }
                }
                shares.sort_by(f64::total_cmp);
                let median =
                    shares.get(shares.len() / 2).map(|share| format!("{:.0} %", share * 100.0));
                let row = format!("{rate} MB/min, {window} min, {factor} x live");
                println!(
                    "{row:36} {:>10} {:>14}",
                    format!("{found}/{of}"),
                    median.unwrap_or_default()
                );
            }
        }
    }
    Ok(())
}
