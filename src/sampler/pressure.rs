//! How near the limits are.

use serde::Serialize;

use crate::os::cgroup::Container;

/// Shares of the limits, 0 to 1 and beyond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Pressure {
    /// Used heap of the isolate, of the heap's limit.
    pub heap: f64,
    /// The whole container of its limit, or the process of the one that was given, whichever is nearer;
    /// `None` without a limit.
    pub process: Option<f64>,
}

/// What it is derived from, in bytes.
#[derive(Debug)]
pub struct PressureInputs<'a> {
    /// Used heap of the isolate.
    pub heap_used: u64,
    /// Its limit.
    pub heap_limit: u64,
    /// Resident size of the process now, without what snapshots have left with the allocator.
    pub rss: u64,
    /// The container when it was last read.
    pub container: Option<Contained<'a>>,
    /// The user's `limit`: for the process alone.
    pub given: Option<u64>,
}

/// A container's figures, and the process' at the same time, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Contained<'a> {
    /// The container's.
    pub container: &'a Container,
    /// The resident size of the process, without `borrowed`.
    pub rss: u64,
    /// What snapshots had left with the allocator: part of the container's usage.
    pub borrowed: u64,
}

impl PressureInputs<'_> {
    /// A container is read every few intervals; what the process has grown by since is added.
    #[must_use]
    pub fn pressure(&self) -> Pressure {
        let share = |used: u64, limit: u64| used as f64 / limit.max(1) as f64;
        let container = self.container.and_then(|Contained { container, rss, borrowed }| {
            let limit = container.limit?;
            let working_set = container.usage.saturating_sub(container.reclaimable);
            let used = working_set.saturating_sub(borrowed);
            Some(share(used.saturating_add(self.rss.saturating_sub(rss)), limit))
        });
        let given = self.given.map(|limit| share(self.rss, limit));
        Pressure {
            heap: if self.heap_limit == 0 { 0.0 } else { share(self.heap_used, self.heap_limit) },
            process: container.into_iter().chain(given).reduce(f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::cgroup::Version;

    const BOX: Container = Container {
        version: Version::V2,
        limit: Some(1000),
        usage: 900,
        reclaimable: 300,
        oom_group: false,
    };
    const BASE: PressureInputs<'_> =
        PressureInputs { heap_used: 30, heap_limit: 120, rss: 200, container: None, given: None };

    fn at(container: &Container) -> Contained<'_> {
        Contained { container, rss: 200, borrowed: 0 }
    }

    #[test]
    fn what_a_snapshot_left_behind_is_no_pressure() {
        let left = Contained { borrowed: 250, ..at(&BOX) };
        assert_eq!(PressureInputs { container: Some(left), ..BASE }.pressure().process, Some(0.35));
    }

    #[test]
    fn beyond_the_limit_the_share_is_above_one() {
        let beyond = Container { usage: 1380, ..BOX };
        assert_eq!(
            PressureInputs { container: Some(at(&beyond)), ..BASE }.pressure().process,
            Some(1.08)
        );
    }

    #[test]
    fn without_a_limit_there_is_only_the_heap() {
        assert_eq!(BASE.pressure(), Pressure { heap: 0.25, process: None });
        assert_eq!(
            PressureInputs { heap_limit: 0, ..BASE }.pressure().heap,
            0.0,
            "before the first reading"
        );
        let unlimited = Container { limit: None, ..BOX };
        assert_eq!(
            PressureInputs { container: Some(at(&unlimited)), ..BASE }.pressure().process,
            None
        );
    }

    #[test]
    fn neighbours_in_the_container_count_and_page_cache_does_not() {
        let inputs = PressureInputs { container: Some(at(&BOX)), ..BASE };
        assert_eq!(inputs.pressure().process, Some(0.6));
        assert_eq!(
            PressureInputs { rss: 300, ..inputs }.pressure().process,
            Some(0.7),
            "grown since it was read"
        );
    }

    #[test]
    fn the_given_limit_is_for_the_process_alone_and_the_nearer_one_counts() {
        assert_eq!(PressureInputs { given: Some(250), ..BASE }.pressure().process, Some(0.8));
        let both = PressureInputs { given: Some(250), container: Some(at(&BOX)), ..BASE };
        assert_eq!(both.pressure().process, Some(0.8));
        assert_eq!(PressureInputs { given: Some(2000), ..both }.pressure().process, Some(0.6));
    }
}
