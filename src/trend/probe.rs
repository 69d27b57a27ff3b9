//! When to ask for a collection: on a suspicion, once a bucket, within a budget, and less and less
//! often where collections keep refuting the suspicion.

use super::pyramid::BUCKETS;
use super::verdict::Channel;

/// Collections in a row that show no new floor before the suspicion is dropped; a next one is dropped by the first.
const REFUTED: u32 = 3;
/// After each dropped suspicion the pause doubles, from two spacings up to this many windows.
const LONGEST_PAUSE: u64 = 16;
/// After a fall by this many steps below the highest floor, growth may begin again.
const FALLEN: u64 = 40;
/// A collection of this many bytes takes about a millisecond of the loop: what is marked in small steps before
/// the pause is in no pause.
const BYTES_PER_MS: u64 = 1 << 20;
/// The budget holds over any span of this length, ms, or of a window where that is longer.
const HOLDS_OVER: u64 = 1_800_000;
/// Collections that a window should get at least, if the budget is to be spread over it.
const PER_WINDOW: f64 = 6.0;

/// A suspicion that collections are asked for.
#[derive(Debug, Clone, Copy)]
struct Armed {
    channel: Channel,
    spacing: u64,
    highest: Option<u64>,
    refuted: u32,
    confirmed: bool,
}

/// Asks for collections.
#[derive(Debug, Clone)]
pub(super) struct Prober {
    /// Share of the loop's time that comes in; as much again may be saved up.
    income: f64,
    most: f64,
    window: u64,
    /// Loop time that may still be spent, ms.
    credit: f64,
    refilled: u64,
    cost_ms: f64,
    armed: Option<Armed>,
    /// The highest floor that earlier suspicions of each channel have shown.
    highest: [Option<u64>; 3],
    /// Suspicions dropped since a floor last rose.
    dropped: u32,
    paused_until: u64,
    /// When the last question was due, and when the last mark-compact was.
    asked: Option<u64>,
    collected: Option<u64>,
    /// Probes that were answered.
    pub count: u32,
    /// What they cost, ms.
    pub spent_ms: f64,
}

impl Prober {
    pub fn new(budget: f64, window: u64, now: u64) -> Self {
        // Half of the budget saved up and half of it as income: together never more than the budget.
        let most = budget / 2.0 * window.max(HOLDS_OVER) as f64;
        Self {
            income: budget / 2.0,
            most,
            window,
            credit: most,
            refilled: now,
            cost_ms: 0.0,
            armed: None,
            highest: [None; 3],
            dropped: 0,
            paused_until: 0,
            asked: None,
            collected: None,
            count: 0,
            spent_ms: 0.0,
        }
    }

    /// A suspicion of a channel whose buckets are `spacing` ms wide.
    pub fn arm(&mut self, now: u64, channel: Channel, spacing: u64) {
        if now < self.paused_until || self.most == 0.0 {
            return;
        }
        let armed = self.armed.get_or_insert(Armed {
            channel,
            spacing,
            highest: self.highest[channel as usize],
            refuted: 0,
            confirmed: false,
        });
        armed.spacing = armed.spacing.min(spacing);
    }

    /// The suspicion was confirmed: it is watched on at this spacing until it is released.
    pub fn confirm(&mut self, now: u64, channel: Channel, spacing: u64) {
        self.release(now);
        if self.most > 0.0 {
            self.armed =
                Some(Armed { channel, spacing, highest: None, refuted: 0, confirmed: true });
        }
    }

    /// The confirmed suspicion was taken back.
    pub fn release(&mut self, now: u64) {
        self.armed = None;
        (self.dropped, self.paused_until) = (0, now);
    }

    /// A mark-compact happened. `floor` is the suspect channel's, `step` the least rise that confirms.
    pub fn collected(
        &mut self,
        now: u64,
        probe: bool,
        pause_us: u32,
        used: u64,
        floor: [u64; 3],
        step: u64,
    ) {
        // From asking to asking: an answer may take a while, and the next question need not wait for that too.
        self.collected = self.asked.filter(|_| probe).or(Some(now));
        if probe {
            let paused = f64::from(pause_us) / 1000.0;
            self.cost_ms = paused.max(1.0 + (used / BYTES_PER_MS) as f64);
            self.credit -= self.cost_ms;
            self.spent_ms += self.cost_ms;
            self.count += 1;
        }
        let Some(armed) = &mut self.armed else { return };
        let floor = floor[armed.channel as usize];
        let risen = |highest: u64| floor >= highest.saturating_add(step);
        if armed.highest.is_none_or(risen) {
            (armed.highest, armed.refuted, self.dropped) = (Some(floor), 0, 0);
            return;
        }
        if armed.highest.is_some_and(|highest| floor.saturating_add(FALLEN * step) < highest) {
            armed.highest = Some(floor);
        }
        armed.refuted += 1;
        if armed.refuted >= if self.dropped == 0 { REFUTED } else { 1 } && !armed.confirmed {
            self.dropped += 1;
            let pause = armed.spacing.saturating_mul(1 << self.dropped.min(32));
            self.paused_until = now + pause.min(LONGEST_PAUSE * self.window);
            self.highest[armed.channel as usize] = armed.highest;
            self.armed = None;
        }
    }

    /// Whether to ask for a collection now.
    pub fn ask(&mut self, now: u64) -> bool {
        let refill = self.income * now.saturating_sub(self.refilled) as f64;
        self.credit = (self.credit + refill).min(self.most);
        self.refilled = now;
        let Some(armed) = self.armed else { return false };
        let spacing = armed.spacing.max(self.affordable(armed.spacing));
        let due = self.collected.max(self.asked).map_or(now, |last| last + spacing);
        if due > now || self.credit < self.cost_ms {
            return false;
        }
        // An interval that ends after the question was due must not put off the next one, or a bucket would be left
        // out.
        self.asked = Some(if now - due < spacing { due } else { now });
        true
    }

    /// The spacing at which the credit lasts for a window of buckets of this width, but never so wide
    /// that too few collections fall into one.
    fn affordable(&self, bucket: u64) -> u64 {
        let window = (bucket * BUCKETS as u64) as f64;
        let number = (self.credit + self.income * window) / self.cost_ms.max(1.0);
        (window / number.max(PER_WINDOW)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 30_000;

    /// Runs a second-by-second life; `floor` answers each probe. Returns when probes were asked.
    fn life(budget: f64, seconds: u64, cost_us: u32, floor: impl Fn(u64) -> u64) -> Vec<u64> {
        let mut prober = Prober::new(budget, WINDOW, 0);
        let mut asked = Vec::new();
        for now in (0..seconds * 1000).step_by(1000) {
            prober.arm(now, Channel::Heap, 2500);
            if prober.ask(now) {
                asked.push(now);
                prober.collected(now, true, cost_us, 0, [floor(now), 0, 0], 1);
            }
        }
        asked
    }

    #[test]
    fn nothing_is_asked_without_a_suspicion_or_a_budget() {
        let mut prober = Prober::new(0.005, WINDOW, 0);
        assert!((0..1000).all(|s| !prober.ask(s * 1000)));
        assert!(life(0.0, 1000, 1, |t| t).is_empty());
    }

    #[test]
    fn a_rising_floor_is_probed_once_a_bucket() {
        // Though a bucket is two and a half intervals.
        let asked = life(0.005, 60, 1000, |t| t);
        let buckets: Vec<u64> = asked.iter().map(|t| t / 2500).collect();
        assert_eq!(buckets, (0..24).collect::<Vec<_>>());
    }

    #[test]
    fn a_flat_floor_is_probed_ever_less() {
        let asked = life(0.005, 40_000, 1000, |_| 7);
        let early = asked.iter().filter(|&&t| t < 1_000_000).count();
        let late = asked.iter().filter(|&&t| t >= 39_000_000).count();
        assert!(early <= 28 && late <= 8, "{early} {late}");
    }

    #[test]
    fn between_steps_the_pauses_are_as_short_as_the_rests() {
        // A step each twenty buckets: five floors are seen in each, at most a rest's half after it began.
        let asked = life(0.005, 3600, 1000, |t| t / 50_000);
        for rest in 1..70 {
            let within = asked.iter().filter(|t| **t / 50_000 == rest).count();
            assert!((3..9).contains(&within), "{rest}: {within}");
        }
    }

    #[test]
    fn growth_far_below_a_crest_is_probed_once_a_bucket() {
        let floor = |t: u64| if t < 60_000 { t } else { t - 60_000 };
        let asked = life(0.005, 300, 1000, floor);
        let late = asked.iter().filter(|t| (70_000..120_000).contains(*t)).count();
        assert!(late >= 15, "{late}");
    }

    #[test]
    fn a_floor_that_rises_between_suspicions_is_probed_as_often_as_at_first() {
        let asked = life(0.005, 40_000, 1000, |t| t / 300_000);
        let late = asked.iter().filter(|&&t| t >= 39_000_000).count();
        assert!(late >= 12, "{late}");
    }

    #[test]
    fn the_budget_holds() {
        for cost_us in [2000, 50_000, 400_000] {
            let asked = life(0.005, 3600, cost_us, |t| t);
            let spent = asked.len() as f64 * f64::from(cost_us) / 1000.0;
            assert!(spent <= 0.005 * 3_600_000.0, "{cost_us} {spent}");
            assert!(!asked.is_empty());
        }
    }

    #[test]
    fn an_answer_that_comes_late_does_not_put_off_the_next_question() {
        let mut prober = Prober::new(0.005, WINDOW, 0);
        let mut asked = Vec::new();
        for now in (0..60_000).step_by(500) {
            prober.arm(now, Channel::Heap, 2500);
            if asked.last().is_some_and(|t| t + 2000 == now) {
                prober.collected(now, true, 1000, 0, [now, 0, 0], 1);
            }
            if prober.ask(now) {
                asked.push(now);
            }
        }
        assert!(asked.windows(2).all(|pair| pair[1] - pair[0] == 2500), "{asked:?}");
    }

    #[test]
    fn a_probe_costs_its_pause_or_a_millisecond_for_each_megabyte() {
        let mut prober = Prober::new(0.005, WINDOW, 0);
        prober.collected(0, true, 500, 10 << 20, [0; 3], 1);
        assert_eq!((prober.count, prober.spent_ms), (1, 11.0));
        prober.collected(1, true, 30_000, 10 << 20, [0; 3], 1);
        assert_eq!((prober.count, prober.spent_ms), (2, 41.0));
        prober.collected(2, false, 30_000, 10 << 20, [0; 3], 1);
        assert_eq!((prober.count, prober.spent_ms), (2, 41.0), "V8 would have done it anyway");
    }

    #[test]
    fn without_a_budget_a_confirmed_suspicion_asks_for_nothing() {
        let asks = |budget: f64| {
            let mut prober = Prober::new(budget, WINDOW, 0);
            prober.confirm(0, Channel::Heap, 2500);
            prober.ask(10_000)
        };
        assert_eq!((asks(0.005), asks(0.0)), (true, false));
    }

    /// Whether a suspicion lasts through these floors, where a rise by 10 confirms it.
    fn lasts(floors: &[u64]) -> bool {
        let mut prober = Prober::new(0.005, WINDOW, 0);
        prober.arm(0, Channel::External, 2500);
        for (now, &floor) in (0..).step_by(2500).zip(floors) {
            prober.collected(now, true, 1, 0, [u64::MAX, floor, u64::MAX], 10);
        }
        prober.ask(floors.len() as u64 * 2500)
    }

    #[test]
    fn three_collections_without_a_rise_drop_a_suspicion() {
        assert!(lasts(&[1000, 1009, 1009]));
        assert!(!lasts(&[1000, 1009, 1009, 1009]));
        assert!(lasts(&[1000, 1009, 1009, 1010]), "a rise by ten in the end");
        assert!(lasts(&[1000, 1009, 1009, 1010, 1019, 1019]), "they count from the last rise on");
    }

    #[test]
    fn after_a_fall_by_more_than_forty_steps_a_rise_counts_from_there() {
        assert!(!lasts(&[1000, 600, 610, 620]));
        assert!(lasts(&[1000, 599, 609, 619]));
    }

    #[test]
    fn collections_are_spread_over_what_can_be_paid_for_and_six_a_window() {
        // 9 s are saved up, and a window of 30 s brings 150 ms.
        let mut prober = Prober::new(0.01, WINDOW, 0);
        let spacing = |prober: &mut Prober, cost_ms: f64| {
            prober.cost_ms = cost_ms;
            prober.affordable(2500)
        };
        assert_eq!(spacing(&mut prober, 0.0), 3, "9150 of them");
        assert_eq!(spacing(&mut prober, 915.0), 3000, "ten");
        assert_eq!(spacing(&mut prober, 9000.0), 5000, "one, but six are asked for");
        prober.credit = 0.0;
        assert_eq!(spacing(&mut prober, 15.0), 3000, "ten by the income alone");
    }

    #[test]
    fn a_natural_collection_saves_a_probe() {
        let mut prober = Prober::new(0.005, WINDOW, 0);
        prober.arm(0, Channel::Heap, 2500);
        for now in (0..60_000).step_by(1000) {
            prober.collected(now, false, 0, 0, [now, 0, 0], 1);
            assert!(!prober.ask(now));
        }
    }
}
