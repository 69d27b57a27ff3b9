//! The growth series of an isolate, the statistical tests on them and the verdict.
//!
//! A [`Trend`] takes a [`Reading`] of one isolate each interval and a [`Collection`] after each mark-compact. The
//! caller gives the time (milliseconds of one monotonic clock). [`Trend::advance`] runs once an interval, after these,
//! and returns the changes.
//!
//! The floor of a channel is its live bytes after a mark-compact. The floors go into a [`Pyramid`] of bucket minima,
//! and `rule` judges each window of the pyramid. Natural mark-compacts are too rare to show a slow leak. So the lower
//! envelope of the readings between them arms a prober, which requests a forced GC ([`Event::Probe`]) once a bucket,
//! within a budget of the loop's time, and less often while the floor does not rise. Memory is O(log uptime).

mod config;
mod filling;
mod floors;
mod judge;
mod load;
mod probe;
mod pyramid;
mod rule;
mod sawtooth;
mod stats;
mod track;
mod verdict;

pub use config::{Config, ConfigError, PROBE_BUDGET};
pub use filling::CacheFill;
pub use pyramid::{BUCKETS, Bucket, Pyramid, Sample};
pub use rule::Thresholds;
pub use stats::mann_kendall;
pub use verdict::{Channel, ChannelVerdict, FillingCache, Verdict, VerdictState};

#[cfg(test)]
mod tests;

use serde::Serialize;

use judge::GrowthPhase;
use rule::{GrowthShape, WindowFinding};
use track::Tracks;

/// The most bytes that each channel may reach. Growth is judged as a share of the headroom below them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Of V8's heap.
    pub heap: u64,
    /// Of external memory.
    pub external: u64,
    /// Of native memory.
    pub native: u64,
}

impl Limits {
    fn of(&self, channel: Channel) -> u64 {
        match channel {
            Channel::Heap => self.heap,
            Channel::External => self.external,
            Channel::Native => self.native,
        }
    }
}

/// The figures of one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reading {
    /// When, ms.
    pub t: u64,
    /// Resident set of the process, bytes.
    pub rss: u64,
    /// Committed heap of this isolate, bytes.
    pub heap_total: u64,
    /// Used heap of this isolate, garbage included, bytes.
    pub heap_used: u64,
    /// External bytes of this isolate, garbage included.
    pub external: u64,
    /// Rss less the committed heaps and external bytes of all isolates, at least 0; `None` if the trend of another
    /// isolate judges it.
    pub native: Option<u64>,
    /// Bytes allocated on the heap since the start, never falling: the load.
    pub allocated: u64,
    /// Event loop utilisation since the last reading, 0 to 1: the load where allocation is not known.
    pub utilisation: Option<f64>,
    /// Requests that HTTP servers have begun to answer, never falling; `None` if request counting is off. They are the
    /// load while [`Trend::wants_requests`] is true.
    pub requests: Option<u64>,
    /// Free bytes held by the allocator; `None` if not sampled.
    pub malloc_free: Option<u64>,
}

/// Why a mark-compact happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CollectionCause {
    /// V8 decided.
    Natural,
    /// An [`Event::Probe`] was answered.
    Probe,
    /// A heap snapshot began with one.
    Snapshot,
}

/// The figures after a mark-compact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// When it ended, ms.
    pub t: u64,
    /// Used heap, bytes.
    pub used: u64,
    /// Committed heap, bytes.
    pub total: u64,
    /// External bytes.
    pub external: u64,
    /// Why it happened.
    pub cause: CollectionCause,
    /// Pause of the event loop, microseconds; 0 if unknown.
    pub pause_us: u32,
}

/// A change that [`Trend::advance`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The floor of this channel rises. Cheap evidence may be gathered.
    Suspect(Channel),
    /// This channel leaks, which justifies a snapshot. [`Event::Suspect`] always precedes it.
    Leak(Channel),
    /// The growth of this channel has levelled off. The earlier event is withdrawn.
    Recovered(Channel),
    /// The caller should force a mark-compact and report it as [`CollectionCause::Probe`].
    Probe,
}

/// A bucket's floor, for reports and graphs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// When the floor was seen, ms.
    pub t: u64,
    /// The floor, bytes.
    pub min: u64,
    /// Work per second while the bucket was open: bytes allocated (or what as many requests allocate, while these are
    /// counted), or milliseconds that the loop was busy.
    pub load: f64,
}

/// A reading within this many intervals of a mark-compact still shows the external floor: the concurrent sweeper frees
/// Buffers after the collection ends.
const SWEPT_WITHIN: u64 = 2;

/// The trend of one isolate.
#[derive(Debug)]
pub struct Trend {
    config: Config,
    limits: Limits,
    tracks: Option<Tracks>,
    now: u64,
    native_offset: i64,
}

impl Trend {
    /// A trend without readings. Its time starts with the first reading.
    #[must_use]
    pub fn new(config: Config, limits: Limits) -> Self {
        Self { config, limits, tracks: None, now: 0, native_offset: 0 }
    }

    /// Sets the limits, for example after a container was resized.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Adds a reading.
    pub fn reading(&mut self, r: &Reading) {
        self.now = self.now.max(r.t);
        let native = r.native.map(|native| native.saturating_add_signed(-self.native_offset));
        let tracks = self.tracks(r.t);
        let before = tracks.read.replace(*r).unwrap_or(*r);
        let interval = r.t.saturating_sub(before.t);
        let work = tracks.load.between(&before, r);
        for track in [&mut tracks.heap, &mut tracks.external, &mut tracks.native] {
            track.floor.add_work(before.t, r.t, work);
        }
        tracks.heap.observe(r.t, r.heap_used);
        tracks.external.observe(r.t, r.external);
        if tracks.collected.is_some_and(|t| r.t.saturating_sub(t) <= SWEPT_WITHIN * interval) {
            tracks.external.observe_floor(r.t, r.external);
        }
        if let Some(native) = native {
            tracks.native.observe_floor(r.t, native);
            tracks.rss.insert(r.t, r.rss);
        }
        if let Some(free) = r.malloc_free {
            tracks.malloc_free.insert(r.t, free);
        }
    }

    /// Adds the fill of the isolate's bounded caches, in a stable order, once an interval.
    pub fn caches(&mut self, t: u64, fills: &[CacheFill]) {
        self.tracks(t).filling.observe(t, fills);
    }

    /// Adds the used heap after a minor collection, which lowers the envelope.
    pub fn scavenge(&mut self, t: u64, used: u64) {
        self.tracks(t).heap.observe(t, used);
    }

    /// Adds a mark-compact.
    pub fn collection(&mut self, c: &Collection) {
        self.now = self.now.max(c.t);
        let step = (self.limits.heap / 1000).min(1 << 20);
        let tracks = self.tracks(c.t);
        tracks.collected = Some(c.t);
        tracks.heap.observe_floor(c.t, c.used);
        tracks.external.observe_floor(c.t, c.external);
        tracks.slack.observe_floor(c.t, c.total.saturating_sub(c.used));
        let floors = [c.used, c.external, tracks.native.last];
        let probe = c.cause == CollectionCause::Probe;
        tracks.prober.collected(c.t, probe, c.pause_us, c.used, floors, step);
    }

    /// An in-process snapshot has added `delta` bytes to the allocator's pages (or released them). Native bytes are
    /// counted without them from now on.
    pub fn rebase_native(&mut self, now: u64, delta: i64) {
        self.now = self.now.max(now);
        self.native_offset = self.native_offset.saturating_add(delta);
    }

    /// Closes the buckets that ended by `now` and returns the changes.
    pub fn advance(&mut self, now: u64) -> Vec<Event> {
        self.now = self.now.max(now);
        let (now, limits) = (self.now, self.limits);
        let Some(tracks) = &mut self.tracks else { return Vec::new() };
        let Tracks {
            origin,
            heap,
            external,
            native,
            rss,
            slack,
            malloc_free,
            filling,
            prober,
            collected,
            explaining_until,
            load: _,
            read: _,
        } = tracks;
        let observed = now - *origin;
        let probing = self.config.probe_budget > 0.0;
        let mut events = Vec::new();
        rss.close(now);
        malloc_free.close(now);
        filling.close(now);
        let closed = slack.close(now).1;
        slack.judge.judge(&slack.floor, None, closed, observed, limits.heap, |_, _| None);
        let mut changed = false;
        for (track, limit) in [
            (&mut *heap, limits.heap),
            (&mut *external, limits.external),
            (&mut *native, limits.native),
        ] {
            let (seen, closed) = track.close(now);
            if let Some(spacing) = track.suspicion(seen, observed, limit, self.config.window_ms) {
                prober.arm(now, track.channel, spacing);
            }
            let channel = track.channel;
            let explain = |level: usize, finding: &WindowFinding| {
                let slope = |series: &Pyramid| rule::slope(&floors::points(series, None, level));
                let unseen =
                    |t: Option<u64>| t.is_none_or(|t| (now - t) as f64 > finding.span / 2.0);
                match channel {
                    Channel::Native if slope(rss) < finding.slope / 2.0 => Some(GrowthShape::Flat),
                    // Unreferenced Buffers are native memory until the next collection.
                    Channel::Native if probing && unseen(*collected) => Some(GrowthShape::Flat),
                    Channel::Native if slope(malloc_free) > finding.slope / 2.0 => {
                        Some(GrowthShape::Fragmentation)
                    }
                    Channel::Heap | Channel::External
                        if filling.explains(&track.floor, level, finding, limit) =>
                    {
                        Some(GrowthShape::Filling)
                    }
                    _ => None,
                }
            };
            let before = track.judge.phase();
            let (floor, envelope) = (&track.floor, track.envelope.as_ref());
            if !track.judge.judge(floor, envelope, closed, observed, limit, explain) {
                continue;
            }
            if before == GrowthPhase::Quiet && track.judge.phase() == GrowthPhase::Leak {
                events.push(Event::Suspect(channel));
            }
            events.push(match track.judge.phase() {
                GrowthPhase::Quiet => Event::Recovered(channel),
                GrowthPhase::Suspect => Event::Suspect(channel),
                GrowthPhase::Leak => Event::Leak(channel),
            });
            changed = true;
        }
        if [&*heap, &*external, &*native].iter().any(|track| track.judge.grows()) {
            *explaining_until = now + self.config.window_ms;
        }
        if changed {
            // A collection shows the floors of all channels, so the shortest spacing applies.
            let raised = [&*heap, &*external, &*native].into_iter();
            match raised.filter_map(|track| Some((track.spacing()?, track.channel))).min() {
                Some((spacing, channel)) => prober.confirm(now, channel, spacing),
                None => prober.release(now),
            }
        }
        if prober.ask(now) {
            events.push(Event::Probe);
        }
        events
    }

    /// True if readings should include request counts, because there is growth that they may explain (or growth that
    /// allocation seems to explain, which the growth itself may have caused). Stays true for one window longer.
    #[must_use]
    pub fn wants_requests(&self) -> bool {
        self.tracks.as_ref().is_some_and(|tracks| self.now < tracks.explaining_until)
    }

    /// The verdict now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict_naming(|_| None)
    }

    /// The verdict now; `name` gives the name of a cache of [`Trend::caches`].
    #[must_use]
    pub fn verdict_naming(&self, name: impl FnOnce(u64) -> Option<String>) -> Verdict {
        let observed_ms = self.tracks.as_ref().map_or(0, |tracks| self.now - tracks.origin);
        let channels = Channel::ALL.map(|channel| self.channel_verdict(channel, observed_ms));
        let share = |v: &ChannelVerdict| v.ms_to_limit.map_or(u64::MAX, |ms| ms);
        let worst = channels.iter().max_by_key(|v| (v.state, std::cmp::Reverse(share(v))));
        let worst = worst.unwrap_or(&channels[0]);
        let quiet = matches!(worst.state, VerdictState::TooEarly | VerdictState::Steady);
        let filling = self.tracks.as_ref().filter(|_| worst.state == VerdictState::Filling);
        let cache = filling
            .and_then(|tracks| tracks.filling.cache())
            .map(|(id, share)| FillingCache { name: name(id).unwrap_or_default(), share });
        Verdict {
            state: worst.state,
            channel: (!quiet).then_some(worst.channel),
            bytes_per_minute: worst.bytes_per_minute,
            limit_bytes: worst.limit_bytes,
            ms_to_limit: worst.ms_to_limit,
            span_ms: worst.span_ms,
            observed_ms,
            explanation: verdict::explain(worst, cache.as_ref(), observed_ms),
            cache,
            probes: self.tracks.as_ref().map_or(0, |tracks| tracks.prober.count),
            probe_cost_ms: self.tracks.as_ref().map_or(0.0, |tracks| tracks.prober.spent_ms),
            channels,
        }
    }

    /// The minima of a channel over the whole time watched: its floor, or its envelope if there were fewer than 3
    /// floors. At most 12 points, oldest first.
    #[must_use]
    pub fn series(&self, channel: Channel) -> Vec<Point> {
        let Some(tracks) = &self.tracks else { return Vec::new() };
        let track = tracks.track(channel);
        let floor = floors::whole(&track.floor);
        let points = match &track.envelope {
            Some(envelope) if floor.len() < 3 => floors::whole(envelope),
            _ => floor,
        };
        let point = |p: rule::FloorPoint| Point {
            t: p.t as u64,
            min: p.value as u64,
            load: p.load * 1000.0,
        };
        points.into_iter().map(point).collect()
    }

    fn channel_verdict(&self, channel: Channel, observed: u64) -> ChannelVerdict {
        let limit_bytes = self.limits.of(channel);
        let mut verdict = ChannelVerdict {
            channel,
            state: VerdictState::TooEarly,
            bytes_per_minute: 0.0,
            bytes: 0,
            limit_bytes,
            ms_to_limit: None,
            z: 0.0,
            span_ms: 0,
        };
        let Some(tracks) = &self.tracks else { return verdict };
        let track = tracks.track(channel);
        verdict.bytes = track.last;
        let phase = track.judge.phase();
        let slack = channel == Channel::Heap
            && phase == GrowthPhase::Quiet
            && tracks.slack.judge.phase() == GrowthPhase::Leak;
        let finding = track.judge.telling().filter(|finding| finding.shape != GrowthShape::Few);
        verdict.state = match (phase, finding.map(|finding| finding.shape)) {
            (GrowthPhase::Leak, _) => VerdictState::Leak,
            (GrowthPhase::Suspect, _) => VerdictState::Suspect,
            _ if slack => VerdictState::Fragmentation,
            (_, Some(GrowthShape::Fragmentation)) => VerdictState::Fragmentation,
            (_, Some(GrowthShape::Filling)) => VerdictState::Filling,
            (_, Some(GrowthShape::FollowsLoad)) => VerdictState::FollowsLoad,
            (_, Some(GrowthShape::Warming)) => VerdictState::Warming,
            (_, Some(GrowthShape::Slow | GrowthShape::Growing)) => VerdictState::Slow,
            _ if observed < self.config.window_ms => VerdictState::TooEarly,
            _ => VerdictState::Steady,
        };
        let quiet = slack || matches!(verdict.state, VerdictState::TooEarly | VerdictState::Steady);
        if let Some(finding) = finding.filter(|_| !quiet) {
            // Each of these states is of a window that rises.
            verdict.bytes_per_minute = finding.slope * 60_000.0;
            verdict.z = finding.z;
            verdict.span_ms = finding.span as u64;
            let left = limit_bytes.saturating_sub(track.last) as f64 / finding.slope;
            verdict.ms_to_limit = Some(left as u64);
        }
        verdict
    }

    fn tracks(&mut self, now: u64) -> &mut Tracks {
        self.tracks.get_or_insert_with(|| Tracks::new(&self.config, now))
    }
}
