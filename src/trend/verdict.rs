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

/// As the views of a report count it.
const MB: f64 = 1_048_576.0;

/// The sentence for a channel's verdict.
pub(super) fn explain(
    verdict: &ChannelVerdict,
    cache: Option<&FillingCache>,
    observed_ms: u64,
) -> String {
    let what = verdict.channel.noun();
    let rate = format!(
        "{what} rose by {:.1} MB/min over {}",
        verdict.bytes_per_minute / MB,
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

/// `50 s`, `12 min`, `3 h 5 min`, `2 d 4 h`.
fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{minutes} min"),
        7200..172_800 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let spoken = [50_000, 780_000, 7_500_000, 187_200_000].map(duration);
        assert_eq!(spoken, ["50 s", "13 min", "2 h 5 min", "2 d 4 h"]);
    }

    #[test]
    fn names_are_those_of_the_schema() {
        let names = [VerdictState::TooEarly, VerdictState::FollowsLoad, VerdictState::Leak]
            .map(|s| serde_json::to_string(&s).unwrap());
        assert_eq!(names, ["\"too-early\"", "\"follows-load\"", "\"leak\""]);
        assert_eq!(serde_json::to_string(&Channel::External).unwrap(), "\"external\"");
    }
}
