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
            // Points of so many buckets cover enough of any window.
            let finding = rule::judge(&points, 0.0, limit, &SUSPICION);
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

#[cfg(test)]
mod tests {
    use super::*;

    const MB: f64 = 1024.0 * 1024.0;
    const LIMIT: u64 = 256 << 20;

    fn config(window: u64) -> Config {
        Config::new(window, 1000).unwrap()
    }

    fn heap(window: u64) -> Track {
        let config = config(window);
        Track::new(Channel::Heap, config.heap, &config, 0).with_envelope()
    }

    /// A channel whose floor rises by so much each second, until it is called so.
    fn raised(rate: f64, phase: GrowthPhase) -> Track {
        let mut track = heap(12_000);
        for second in 0..60 {
            track.observe_floor(second * 1000, ((8.0 + rate * second as f64) * MB) as u64);
            let now = (second + 1) * 1000;
            let (_, closed) = track.close(now);
            track.judge.judge(&track.floor, None, closed, now, LIMIT, |_, _| None);
            if track.judge.phase() == phase {
                return track;
            }
        }
        panic!("it is not called so");
    }

    #[test]
    fn a_suspicion_is_followed_up_once_a_bucket_and_a_leak_once_in_two() {
        assert_eq!(heap(12_000).spacing(), None);
        assert_eq!(raised(1.2, GrowthPhase::Suspect).spacing(), Some(1000));
        assert_eq!(raised(4.0, GrowthPhase::Leak).spacing(), Some(2000));
    }

    /// The suspicion of a channel that nothing has collected, after so many seconds of a rise by `rate` MB.
    fn suspicion(window: u64, seconds: u64, rate: f64, closed: u64, observed: u64) -> Option<u64> {
        let mut track = heap(window);
        for second in 0..seconds {
            track.observe(second * 1000, ((8.0 + rate * second as f64) * MB) as u64);
        }
        track.close(seconds * 1000);
        track.suspicion(closed, observed, LIMIT, window)
    }

    #[test]
    fn only_levels_that_closed_a_bucket_are_suspected() {
        assert_eq!(suspicion(12_000, 12, 1.0, 0, 12_000), None);
        assert_eq!(suspicion(12_000, 12, 1.0, 0b1, 12_000), Some(1000));
        assert_eq!(suspicion(12_000, 12, 1.0, 0b10, 12_000), Some(2000));
        assert_eq!(suspicion(12_000, 12, 1.0, 0b100, 12_000), None, "three points are too few");
    }

    #[test]
    fn growth_of_a_megabyte_is_suspected_and_less_is_not() {
        assert!(suspicion(12_000, 12, 0.1, 0b1, 12_000).is_some());
        assert_eq!(suspicion(12_000, 12, 0.09, 0b1, 12_000), None);
        assert_eq!(suspicion(12_000, 12, -0.5, 0b1, 12_000), None);
    }

    #[test]
    fn a_suspicion_has_seen_a_quarter_of_the_window() {
        // Buckets of 1250 ms: twelve of them are less than a quarter of two minutes, twelve of 2500 ms are it.
        assert_eq!(config(120_000).base_width(), 1250);
        assert_eq!(suspicion(120_000, 40, 0.2, 0b1, 30_000), None);
        assert_eq!(
            suspicion(120_000, 40, 0.2, 0b10, 30_000),
            Some(10_000),
            "a twelfth of the window"
        );
        assert_eq!(suspicion(120_000, 40, 0.2, 0b10, 29_999), None);
    }

    #[test]
    fn where_the_limit_is_near_a_suspicion_needs_less_time() {
        // Of 256 MB 130 are left, at 5 MB a second: a fifth of the time to the limit is 5.2 s.
        let near = |observed| suspicion(120_000, 25, 5.0, 0b1, observed);
        assert_eq!((near(1300), near(1250)), (Some(1250), None));
    }
}
