//! The verdict that plimsoll reports to a service's operator.

use serde::{Deserialize, Serialize};

/// What a leak would grow in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    /// Bytes that V8's heap holds after a mark-compact.
    Heap,
    /// Bytes outside the heap that V8 accounts for: Buffers, WASM memory, external strings.
    External,
    /// Resident bytes that V8 does not account for: addons, allocator arenas, threads.
    Native,
}

impl Channel {
    /// All channels, in the order of a verdict's `channels`.
    pub const ALL: [Self; 3] = [Self::Heap, Self::External, Self::Native];

    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Heap => "the live heap",
            Self::External => "external memory (Buffers, WASM)",
            Self::Native => "native memory",
        }
    }
}

/// What is true of a channel, or of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictState {
    /// Less than a window has been seen.
    TooEarly,
    /// No trend.
    Steady,
    /// A trend that is small, or whose limit is far: reported, nothing else.
    Slow,
    /// A trend that comes to rest.
    Warming,
    /// A trend that the load explains.
    FollowsLoad,
    /// A trend that a bounded cache of ours explains, which is still below its bound.
    Filling,
    /// What is committed grows, what is used does not.
    Fragmentation,
    /// A trend that would be a leak if it goes on.
    Suspect,
    /// A leak.
    Leak,
}

impl VerdictState {
    /// All states, the most serious first.
    pub const ALL: [Self; 9] = [
        Self::Leak,
        Self::Suspect,
        Self::Fragmentation,
        Self::Filling,
        Self::FollowsLoad,
        Self::Warming,
        Self::Slow,
        Self::Steady,
        Self::TooEarly,
    ];
}

/// The verdict on one channel.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelVerdict {
    /// Which one.
    pub channel: Channel,
    /// What is true of it.
    pub state: VerdictState,
    /// Its growth; 0 where there is no trend.
    pub bytes_per_minute: f64,
    /// Its last known floor.
    pub bytes: u64,
    /// The limit that its growth is measured against.
    pub limit_bytes: u64,
    /// When the growth would reach the limit; `None` where it does not grow.
    pub ms_to_limit: Option<u64>,
    /// The deviate of the Mann-Kendall test on the window that gave the state.
    pub z: f64,
    /// The time that this window spans.
    pub span_ms: u64,
}

/// The verdict on the whole: its worst channel's, and each channel's own.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The worst of the channels' states.
    pub state: VerdictState,
    /// The channel that it is about; `None` for steady and too early.
    pub channel: Option<Channel>,
    /// Growth of that channel.
    pub bytes_per_minute: f64,
    /// The limit of that channel, or of the heap.
    pub limit_bytes: u64,
    /// When the growth would reach the limit.
    pub ms_to_limit: Option<u64>,
    /// The time over which that channel grew so: the window that gave the state.
    pub span_ms: u64,
    /// How long the trend has watched.
    pub observed_ms: u64,
    /// One sentence for people.
    pub explanation: String,
    /// The cache that fills, where the state is [`VerdictState::Filling`].
    pub cache: Option<FillingCache>,
    /// Collections that were provoked.
    pub probes: u32,
    /// What they cost the event loop, ms.
    pub probe_cost_ms: f64,
    /// Heap, external, native.
    pub channels: [ChannelVerdict; 3],
}

/// A bounded cache of ours that is below its bound.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FillingCache {
    /// As the user named it, or else the place of its construction.
    pub name: String,
    /// How full it is, 0 to 1.
    pub share: f64,
}

/// The sentence for a channel's verdict.
pub(super) fn explain(
    verdict: &ChannelVerdict,
    cache: Option<&FillingCache>,
    observed_ms: u64,
) -> String {
    let what = verdict.channel.noun();
    let rate = format!(
        "{what} rose by {}/min over {}",
        bytes(verdict.bytes_per_minute),
        duration(verdict.span_ms)
    );
    let limit = verdict
        .ms_to_limit
        .map_or_else(String::new, |ms| format!(", {} to the limit", duration(ms)));
    match verdict.state {
        VerdictState::TooEarly => {
            format!("{} seen, too early for a verdict", duration(observed_ms))
        }
        VerdictState::Steady => format!("no trend in {} of watching", duration(observed_ms)),
        VerdictState::Slow => format!("{rate}{limit}: too little so far to act on"),
        VerdictState::Warming => format!("{rate}, and slows down: a warm-up"),
        VerdictState::FollowsLoad => format!("{rate}, as the load did"),
        VerdictState::Filling => {
            let which = cache.map_or_else(
                || "a bounded cache".into(),
                |cache| {
                    format!(
                        "the cache `{}` ({:.0} % of its bound)",
                        cache.name,
                        cache.share * 100.0
                    )
                },
            );
            format!("{rate}, while {which} fills")
        }
        VerdictState::Fragmentation if verdict.channel == Channel::Native => format!(
            "{rate}, but that is what the allocator keeps of what was freed: \
             MALLOC_ARENA_MAX=2 or jemalloc would give it back"
        ),
        VerdictState::Fragmentation => {
            format!("{what}: what is committed grows, what is used does not")
        }
        VerdictState::Suspect => format!("{rate}{limit}: a leak if it goes on"),
        VerdictState::Leak => format!("{rate} without coming down{limit}"),
    }
}

/// One decimal below ten, none above, as lib/report/units.js has it: a report has one figure for a value.
fn short(value: f64) -> String {
    let text = if value < 9.95 { format!("{value:.1}") } else { format!("{value:.0}") };
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// `3.1 MB`
fn bytes(bytes: f64) -> String {
    let mut value = bytes.max(0.0);
    let mut units = ["B", "KB", "MB", "GB", "TB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    while value >= 1023.5
        && let Some(next) = units.next()
    {
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{value:.0} {unit}") } else { format!("{} {unit}", short(value)) }
}

/// `4.2 s`, `33 min`, `2 h 10 min`, `41 d`: a second unit only below ten of the first.
fn duration(ms: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000)];
    if ms < 1000 {
        return format!("{ms} ms");
    }
    let fills = |at: usize| {
        let next = UNITS.get(at + 1).map_or(0, |unit| unit.1);
        ms >= UNITS[at].1 - next / 2
    };
    let at = (0..3).find(|&at| fills(at)).filter(|_| ms >= 119_500);
    let Some(at) = at else { return format!("{} s", short(ms as f64 / 1000.0)) };
    let ((unit, size), (next_unit, next)) = (UNITS[at], UNITS[at + 1]);
    if ms >= size * 19 / 2 {
        return format!("{} {unit}", (ms + size / 2) / size);
    }
    let parts = (ms + next / 2) / next;
    let (whole, rest) = (parts * next / size, parts % (size / next));
    if rest == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {next_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures that lib/report/units.js gives.
    #[test]
    fn figures_read_as_in_the_views() {
        let near = [1000, 84_599_999, 84_600_000, 44_400_000, 34_199_000, 34_200_000, 119_499];
        let expected = ["1 s", "23 h", "1 d", "12 h", "9 h 30 min", "10 h", "119 s"];
        assert_eq!(near.map(duration), expected);
        let spoken = [28_592, 4200, 999, 119_600, 780_000, 7_500_000, 187_200_000, 3_542_400_000];
        let expected =
            ["29 s", "4.2 s", "999 ms", "2 min", "13 min", "2 h 5 min", "2 d 4 h", "41 d"];
        assert_eq!(spoken.map(duration), expected);
        let sizes = [0.0, 900.0, 67_396_970.0, 3_250_585.0, 1_048_500.0, 150_000.0];
        assert_eq!(sizes.map(bytes), ["0 B", "900 B", "64 MB", "3.1 MB", "1 MB", "146 KB"]);
    }

    fn sentence(channel: Channel, state: VerdictState, cache: Option<&FillingCache>) -> String {
        let verdict = ChannelVerdict {
            channel,
            state,
            bytes_per_minute: 3_250_585.0,
            bytes: 0,
            limit_bytes: 0,
            ms_to_limit: Some(7_500_000),
            z: 4.0,
            span_ms: 780_000,
        };
        explain(&verdict, cache, 900_000)
    }

    #[test]
    fn each_channel_has_its_name_in_the_sentence() {
        let rose = |channel| sentence(channel, VerdictState::FollowsLoad, None);
        let rest = "rose by 3.1 MB/min over 13 min, as the load did";
        assert_eq!(rose(Channel::Heap), format!("the live heap {rest}"));
        assert_eq!(rose(Channel::External), format!("external memory (Buffers, WASM) {rest}"));
        assert_eq!(rose(Channel::Native), format!("native memory {rest}"));
    }

    #[test]
    fn each_state_has_its_sentence() {
        let said = |state| sentence(Channel::Heap, state, None);
        let rate = "the live heap rose by 3.1 MB/min over 13 min";
        let limit = "2 h 5 min to the limit";
        assert_eq!(said(VerdictState::TooEarly), "15 min seen, too early for a verdict");
        assert_eq!(said(VerdictState::Steady), "no trend in 15 min of watching");
        assert_eq!(
            said(VerdictState::Slow),
            format!("{rate}, {limit}: too little so far to act on")
        );
        assert_eq!(said(VerdictState::Warming), format!("{rate}, and slows down: a warm-up"));
        assert_eq!(said(VerdictState::Filling), format!("{rate}, while a bounded cache fills"));
        assert_eq!(said(VerdictState::Suspect), format!("{rate}, {limit}: a leak if it goes on"));
        assert_eq!(said(VerdictState::Leak), format!("{rate} without coming down, {limit}"));
        let cache = FillingCache { name: "sessions".into(), share: 0.744 };
        let filling = sentence(Channel::Heap, VerdictState::Filling, Some(&cache));
        assert_eq!(
            filling,
            format!("{rate}, while the cache `sessions` (74 % of its bound) fills")
        );
    }

    #[test]
    fn fragmentation_of_the_heap_is_of_what_is_committed_and_of_native_memory_what_malloc_keeps() {
        let said = |channel| sentence(channel, VerdictState::Fragmentation, None);
        assert_eq!(
            said(Channel::Heap),
            "the live heap: what is committed grows, what is used does not"
        );
        assert!(said(Channel::Native).contains("what the allocator keeps of what was freed"));
    }

    #[test]
    fn names_are_those_of_the_schema() {
        let names = [VerdictState::TooEarly, VerdictState::FollowsLoad, VerdictState::Leak]
            .map(|s| serde_json::to_string(&s).unwrap());
        assert_eq!(names, ["\"too-early\"", "\"follows-load\"", "\"leak\""]);
        assert_eq!(serde_json::to_string(&Channel::External).unwrap(), "\"external\"");
    }
}
