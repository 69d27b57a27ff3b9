//! A program's memory, second by second: from a recording or from a model.

use plimsoll::trend::{Channel, Collection, CollectionCause, Limits, Reading};

/// What happened since the step before, and what is read at its end.
pub struct Step {
    /// Mark-compacts, oldest first.
    pub collections: Vec<Collection>,
    /// The lowest used heap after a minor collection.
    pub lowest: Option<u64>,
    pub reading: Reading,
    /// The longest time that collections stopped the loop within a second, ms.
    pub stopped_ms: f64,
}

pub trait Tape {
    /// The next step; `probe`: a collection was asked for and has not been answered.
    fn step(&mut self, probe: bool) -> Option<Step>;
    fn limits(&self) -> Limits;
    fn window_ms(&self) -> u64;
    /// When a leak begins, and when it would reach its limit at its rate, both ms.
    fn to_limit(&self, channel: Channel) -> (u64, u64);
}

/// A recording of `record.js`: lines of `kind ms rss heapTotal heapUsed external extra`, sizes in KB.
pub struct Recording {
    lines: Vec<Line>,
    at: usize,
    allocated: u64,
    used: u64,
}

#[derive(Clone, Copy)]
pub struct Line {
    pub kind: u8,
    pub t: u64,
    pub rss: u64,
    pub total: u64,
    pub used: u64,
    pub external: u64,
    pub extra: f64,
}

impl Line {
    /// The lines of a recording.
    pub fn all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let kind = *words.next()?.as_bytes().first()?;
        let t = words.next()?.parse().ok()?;
        let mut size = || Some(words.next()?.parse::<u64>().ok()? << 10);
        let (rss, total, used, external) = (size()?, size()?, size()?, size()?);
        Some(Self { kind, t, rss, total, used, external, extra: words.next()?.parse().ok()? })
    }

    pub fn native(&self) -> u64 {
        self.rss.saturating_sub(self.total + self.external)
    }

    pub fn collection(&self, cause: CollectionCause) -> Collection {
        let pause_us =
            if cause == CollectionCause::Probe { (self.extra * 1000.0) as u32 } else { 0 };
        let &Self { t, used, total, external, .. } = self;
        Collection { t, used, total, external, cause, pause_us }
    }
}

impl Recording {
    pub fn new(text: &str) -> Self {
        Self { lines: Line::all(text), at: 0, allocated: 0, used: 0 }
    }
}

impl Tape for Recording {
    fn step(&mut self, mut probe: bool) -> Option<Step> {
        let (mut collections, mut stopped_ms) = (Vec::new(), 0.0);
        loop {
            let line = *self.lines.get(self.at)?;
            self.at += 1;
            self.allocated += line.used.saturating_sub(self.used);
            self.used = line.used;
            match line.kind {
                b'g' => {
                    stopped_ms += line.extra;
                    collections.push(line.collection(CollectionCause::Natural));
                }
                b'p' if std::mem::take(&mut probe) => {
                    collections.push(line.collection(CollectionCause::Probe));
                }
                b'r' => {
                    let reading = Reading {
                        t: line.t,
                        rss: line.rss,
                        heap_total: line.total,
                        heap_used: line.used,
                        external: line.external,
                        native: Some(line.native()),
                        allocated: self.allocated,
                        ..Reading::default()
                    };
                    let lowest = (line.extra > 0.0).then_some((line.extra * 1024.0) as u64);
                    return Some(Step { collections, lowest, reading, stopped_ms });
                }
                _ => {}
            }
        }
    }

    fn limits(&self) -> Limits {
        // node --max-old-space-size=256 has a limit of 259 MB; --limit 512m for the rest.
        Limits { heap: 259 << 20, external: 512 << 20, native: 512 << 20 }
    }

    fn window_ms(&self) -> u64 {
        30_000
    }

    fn to_limit(&self, channel: Channel) -> (u64, u64) {
        let value = |line: &Line| match channel {
            Channel::Heap => line.used,
            Channel::External => line.external,
            Channel::Native => line.native(),
        };
        let limit = match channel {
            Channel::Heap => self.limits().heap,
            _ => self.limits().native,
        };
        // From the third probe on: what a start allocates is no rate.
        let floors: Vec<&Line> =
            self.lines.iter().filter(|line| line.kind == b'p').skip(2).collect();
        let (Some(first), Some(last)) = (floors.first(), floors.last()) else {
            return (0, u64::MAX);
        };
        let rate = (value(last) as f64 - value(first) as f64) / (last.t - first.t).max(1) as f64;
        let left = limit.saturating_sub(value(first)) as f64;
        (0, if rate > 0.0 { (left / rate) as u64 } else { u64::MAX })
    }
}
