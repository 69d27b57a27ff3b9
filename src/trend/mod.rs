//! The series, the tests and the verdict.
//!
//! A [`Trend`] is fed with what one isolate reads: a [`Reading`] each interval, a [`Collection`] after
//! each mark-compact. Time is the caller's (milliseconds of one monotonic clock, never backwards).
//! [`Trend::advance`], called once an interval after these, answers with what changed.
//!
//! The floor of a channel is what is left after a mark-compact: its series goes into a [`Pyramid`] of
//! bucket minima, and each window of the pyramid is judged by `rule`. Natural mark-compacts are too
//! rare to see a slow leak, so the lower envelope of what is read between them arms a prober, which
//! asks for a collection ([`Event::Probe`]) once a bucket, within a budget of the loop's time, and ever
//! less often where the floor does not rise. Memory is O(log uptime).

mod config;
mod filling;
mod load;
mod probe;
mod pyramid;
mod rule;
mod stats;
mod teeth;
mod track;
mod verdict;
mod watch;

pub use config::{Config, Error};
pub use filling::Fill;
pub use pyramid::{BUCKETS, Bucket, Pyramid, Sample};
pub use rule::Thresholds;
pub use verdict::{Channel, ChannelVerdict, FillingCache, State, Verdict};

#[cfg(test)]
mod tests;

use serde::Serialize;

use rule::{Finding, Shape};
use track::Tracks;
use watch::Phase;

/// The denominators: what each channel may at most come to, bytes.
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

/// What is read each interval.
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
    /// Rss less the committed heaps and external bytes of all isolates, at least 0; `None` where another
    /// isolate's trend watches it.
    pub native: Option<u64>,
    /// Bytes allocated on the heap since the start, never falling: the load.
    pub allocated: u64,
    /// Event loop utilisation since the last reading, 0 to 1: the load where allocation is not known.
    pub utilisation: Option<f64>,
    /// Requests that HTTP servers have begun to answer, never falling; `None` while nobody counts them. They are the
    /// load from shortly after [`Trend::wants_requests`] was heard.
    pub requests: Option<u64>,
    /// Bytes that the allocator holds and has given to nobody; `None` where nobody looked just now.
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

/// What a mark-compact left.
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
    /// What it stopped the event loop for, microseconds; 0 where that is not known.
    pub pause_us: u32,
}

/// What [`Trend::advance`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// This channel's floor rises: cheap evidence may be gathered.
    Suspect(Channel),
    /// This channel leaks: a snapshot is worth its price. A suspicion always comes before, if only just.
    Leak(Channel),
    /// What was said of this channel is taken back: it levelled off.
    Recovered(Channel),
    /// Please provoke a mark-compact and report it as [`CollectionCause::Probe`].
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

/// A reading this soon after a mark-compact still shows the external floor, in intervals: the sweeper
/// gives Buffers back beside the main thread.
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
    /// A trend that has seen nothing yet; the first reading starts its time.
    #[must_use]
    pub fn new(config: Config, limits: Limits) -> Self {
        Self { config, limits, tracks: None, now: 0, native_offset: 0 }
    }

    /// The limits changed (a container was resized, V8's limit raised).
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Takes a reading in.
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

    /// How full the isolate's bounded caches are, in an order that lasts; once an interval.
    pub fn caches(&mut self, t: u64, fills: &[Fill]) {
        self.tracks(t).filling.observe(t, fills);
    }

    /// Used heap after a minor collection: free to know where a hook sees it, it tightens the envelope.
    pub fn scavenge(&mut self, t: u64, used: u64) {
        self.tracks(t).heap.observe(t, used);
    }

    /// Takes a mark-compact in.
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

    /// An in-process snapshot left `delta` bytes of the allocator's pages behind (or gave some back):
    /// native bytes are counted without them from now on.
    pub fn rebase_native(&mut self, now: u64, delta: i64) {
        self.now = self.now.max(now);
        self.native_offset = self.native_offset.saturating_add(delta);
    }

    /// Closes the buckets that ended by `now` and says what changed.
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
        slack.watch.judge(&slack.floor, None, closed, observed, limits.heap, |_, _| None);
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
            let explain = |level: usize, finding: &Finding| {
                let slope = |series: &Pyramid| rule::slope(&watch::points(series, None, level));
                let unseen =
                    |t: Option<u64>| t.is_none_or(|t| (now - t) as f64 > finding.span / 2.0);
                match channel {
                    Channel::Native if slope(rss) < finding.slope / 2.0 => Some(Shape::Flat),
                    // Buffers that wait for a collection are native memory until it comes.
                    Channel::Native if probing && unseen(*collected) => Some(Shape::Flat),
                    Channel::Native if slope(malloc_free) > finding.slope / 2.0 => {
                        Some(Shape::Fragmentation)
                    }
                    Channel::Heap | Channel::External
                        if filling.explains(&track.floor, level, finding, limit) =>
                    {
                        Some(Shape::Filling)
                    }
                    _ => None,
                }
            };
            let before = track.watch.phase();
            let (floor, envelope) = (&track.floor, track.envelope.as_ref());
            if !track.watch.judge(floor, envelope, closed, observed, limit, explain) {
                continue;
            }
            if before == Phase::Quiet && track.watch.phase() == Phase::Leak {
                events.push(Event::Suspect(channel));
            }
            events.push(match track.watch.phase() {
                Phase::Quiet => Event::Recovered(channel),
                Phase::Suspect => Event::Suspect(channel),
                Phase::Leak => Event::Leak(channel),
            });
            changed = true;
        }
        if [&*heap, &*external, &*native].iter().any(|track| track.watch.grows()) {
            *explaining_until = now + self.config.window_ms;
        }
        if changed {
            // Collections show the floors of all channels: who wants them most often decides.
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

    /// Whether readings should tell the requests, for there is growth that they may explain (or what is allocated
    /// seems to, which the growth itself may have caused). True for a window longer than that.
    #[must_use]
    pub fn wants_requests(&self) -> bool {
        self.tracks.as_ref().is_some_and(|tracks| self.now < tracks.explaining_until)
    }

    /// What is true now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict_naming(|_| None)
    }

    /// The same, where `name` knows what a cache of [`Trend::caches`] is called.
    #[must_use]
    pub fn verdict_naming(&self, name: impl FnOnce(u64) -> Option<String>) -> Verdict {
        let observed_ms = self.tracks.as_ref().map_or(0, |tracks| self.now - tracks.origin);
        let channels = Channel::ALL.map(|channel| self.channel_verdict(channel, observed_ms));
        let share = |v: &ChannelVerdict| v.ms_to_limit.map_or(u64::MAX, |ms| ms);
        let worst = channels.iter().max_by_key(|v| (v.state, std::cmp::Reverse(share(v))));
        let worst = worst.unwrap_or(&channels[0]);
        let quiet = matches!(worst.state, State::TooEarly | State::Steady);
        let filling = self.tracks.as_ref().filter(|_| worst.state == State::Filling);
        let cache = filling
            .and_then(|tracks| tracks.filling.cache())
            .map(|(id, share)| FillingCache { name: name(id).unwrap_or_default(), share });
        Verdict {
            state: worst.state,
            channel: (!quiet).then_some(worst.channel),
            bytes_per_minute: worst.bytes_per_minute,
            limit_bytes: worst.limit_bytes,
            ms_to_limit: worst.ms_to_limit,
            observed_ms,
            explanation: verdict::explain(worst, cache.as_ref(), observed_ms),
            cache,
            probes: self.tracks.as_ref().map_or(0, |tracks| tracks.prober.count),
            probe_cost_ms: self.tracks.as_ref().map_or(0.0, |tracks| tracks.prober.spent_ms),
            channels,
        }
    }

    /// The minima of a channel over the whole time watched: its floor, or where no collection happened
    /// its envelope. At most 12 points, the oldest first.
    #[must_use]
    pub fn series(&self, channel: Channel) -> Vec<Point> {
        let Some(tracks) = &self.tracks else { return Vec::new() };
        let track = tracks.track(channel);
        let floor = watch::whole(&track.floor);
        let points = match &track.envelope {
            Some(envelope) if floor.len() < 3 => watch::whole(envelope),
            _ => floor,
        };
        let point =
            |p: rule::Point| Point { t: p.t as u64, min: p.value as u64, load: p.load * 1000.0 };
        points.into_iter().map(point).collect()
    }

    fn channel_verdict(&self, channel: Channel, observed: u64) -> ChannelVerdict {
        let limit_bytes = self.limits.of(channel);
        let mut verdict = ChannelVerdict {
            channel,
            state: State::TooEarly,
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
        let phase = track.watch.phase();
        let slack = channel == Channel::Heap
            && phase == Phase::Quiet
            && tracks.slack.watch.phase() == Phase::Leak;
        let finding = track.watch.telling().filter(|finding| finding.shape != Shape::Few);
        verdict.state = match (phase, finding.map(|finding| finding.shape)) {
            (Phase::Leak, _) => State::Leak,
            (Phase::Suspect, _) => State::Suspect,
            _ if slack => State::Fragmentation,
            (_, Some(Shape::Fragmentation)) => State::Fragmentation,
            (_, Some(Shape::Filling)) => State::Filling,
            (_, Some(Shape::FollowsLoad)) => State::FollowsLoad,
            (_, Some(Shape::Warming)) => State::Warming,
            (_, Some(Shape::Slow | Shape::Growing)) => State::Slow,
            _ if observed < self.config.window_ms => State::TooEarly,
            _ => State::Steady,
        };
        let quiet = slack || matches!(verdict.state, State::TooEarly | State::Steady);
        if let Some(finding) = finding.filter(|_| !quiet) {
            verdict.bytes_per_minute = (finding.slope * 60_000.0).max(0.0);
            verdict.z = finding.z;
            verdict.span_ms = finding.span as u64;
            let left = limit_bytes.saturating_sub(track.last) as f64 / finding.slope;
            verdict.ms_to_limit = (finding.slope > 0.0).then_some(left as u64);
        }
        verdict
    }

    fn tracks(&mut self, now: u64) -> &mut Tracks {
        self.tracks.get_or_insert_with(|| Tracks::new(&self.config, now))
    }
}
