//! The series that a trend keeps of one isolate.

use super::Reading;
use super::config::Config;
use super::filling::Filling;
use super::floors;
use super::judge::{self, GrowthPhase, Judge};
use super::load::Load;
use super::probe::Prober;
use super::pyramid::{BUCKETS, Pyramid};
use super::rule::{self, Thresholds};
use super::verdict::Channel;

/// What arms the prober: a slight trend of the envelope over a part of a window.
const SUSPICION: Thresholds =
    Thresholds { points: 6, z: 1.9, chance: 0.03, bytes: 1024.0 * 1024.0, suspect: 0.0, leak: 0.0 };
/// The part of a window that a suspicion must have seen.
const SUSPICION_WINDOW: u64 = 4;
/// In so much time a process reads its code and opens what it needs: native memory climbs as a leak's does.
const NATIVE_START: u64 = 30_000;
/// After a leak was found, floors are only needed to take it back.
const AFTER_LEAK: u64 = 2;

/// The lower envelope of a channel between collections, its floor after them, and what is made of it.
#[derive(Debug)]
pub(super) struct Track {
    pub channel: Channel,
    /// `None` where every value is a floor.
    pub envelope: Option<Pyramid>,
    pub floor: Pyramid,
    pub judge: Judge,
    pub last: u64,
}

impl Track {
    pub fn new(channel: Channel, thresholds: Thresholds, config: &Config, origin: u64) -> Self {
        let floor = Pyramid::new(config.base_width(), origin);
        let start = if channel == Channel::Native { NATIVE_START } else { 0 };
        let judge = Judge::new(thresholds, config.need, config.window_ms, start);
        Self { channel, envelope: None, floor, judge, last: 0 }
    }

    pub fn with_envelope(mut self) -> Self {
        self.envelope = Some(self.floor.clone());
        self
    }

    pub fn observe(&mut self, t: u64, value: u64) {
        if let Some(envelope) = &mut self.envelope {
            envelope.insert(t, value);
        }
    }

    pub fn observe_floor(&mut self, t: u64, value: u64) {
        self.observe(t, value);
        self.floor.insert(t, value);
        self.last = value;
    }

    /// Closes the buckets that ended by `now`; the levels that did, of the envelope and of the floor.
    pub fn close(&mut self, now: u64) -> (u64, u64) {
        let floor = self.floor.close(now);
        (self.envelope.as_mut().map_or(floor, |envelope| envelope.close(now)), floor)
    }

    /// The spacing of the collections that a suspicion or a leak asks for.
    pub fn spacing(&self) -> Option<u64> {
        let width = self.floor.width(self.judge.raised_level()?);
        Some(if self.judge.phase() == GrowthPhase::Leak { width * AFTER_LEAK } else { width })
    }

    /// The spacing of the collections that the envelope asks for: it rises, or seems to.
    pub fn suspicion(&self, closed: u64, observed: u64, limit: u64, window: u64) -> Option<u64> {
        let envelope = self.envelope.as_ref().unwrap_or(&self.floor);
        if self.judge.phase() != GrowthPhase::Quiet {
            return None;
        }
        (0..envelope.depth()).filter(|level| closed >> level & 1 == 1).find_map(|level| {
            let points = floors::points(envelope, None, level);
            let finding = rule::judge(&points, envelope.window(level) / 2.0, limit, &SUSPICION);
            let last = points.last()?;
            let needed = judge::hurried(window, limit as f64 - last.value, finding.slope);
            let ripe = envelope.width(level) * BUCKETS as u64 >= needed / SUSPICION_WINDOW
                && observed >= needed / SUSPICION_WINDOW;
            let rises = finding.z >= SUSPICION.z && finding.growth >= SUSPICION.bytes;
            (ripe && rises).then(|| envelope.width(level).max(needed / BUCKETS as u64))
        })
    }
}

/// What exists from the first reading on.
#[derive(Debug)]
pub(super) struct Tracks {
    pub origin: u64,
    pub heap: Track,
    pub external: Track,
    pub native: Track,
    /// Resident set: native growth that it does not show is the mirror of another channel's fall.
    pub rss: Pyramid,
    /// Committed less used heap at collections: fragmentation.
    pub slack: Track,
    /// What the allocator keeps: native growth that it makes up is fragmentation too.
    pub malloc_free: Pyramid,
    pub filling: Filling,
    pub prober: Prober,
    pub load: Load,
    /// Until when the load must be known for certain.
    pub explaining_until: u64,
    pub read: Option<Reading>,
    pub collected: Option<u64>,
}

impl Tracks {
    pub fn new(config: &Config, origin: u64) -> Self {
        let slack =
            Thresholds { suspect: config.native.suspect, leak: config.native.leak, ..config.heap };
        let track = |channel, thresholds| Track::new(channel, thresholds, config, origin);
        Self {
            origin,
            heap: track(Channel::Heap, config.heap).with_envelope(),
            external: track(Channel::External, config.external).with_envelope(),
            native: track(Channel::Native, config.native),
            rss: Pyramid::new(config.base_width(), origin),
            slack: track(Channel::Heap, slack),
            malloc_free: Pyramid::new(config.base_width(), origin),
            filling: Filling::new(Pyramid::new(config.base_width(), origin)),
            prober: Prober::new(config.probe_budget, config.window_ms, origin),
            load: Load::new(config.base_width()),
            explaining_until: origin,
            read: None,
            collected: None,
        }
    }

    pub fn track(&self, channel: Channel) -> &Track {
        match channel {
            Channel::Heap => &self.heap,
            Channel::External => &self.external,
            Channel::Native => &self.native,
        }
    }
}
