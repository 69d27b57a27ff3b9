//! What "full" means for each channel: the denominators of the trend.

use crate::trend::Limits;

/// What the limits are derived from, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct LimitInputs {
    /// V8's limit for the heap of the isolate.
    pub heap_limit: u64,
    /// Committed heap of the isolate.
    pub heap_total: u64,
    /// Resident size now, and when the watch began.
    pub rss: u64,
    /// As above.
    pub rss_at_start: u64,
    /// The container's limit, if it has one.
    pub container: Option<u64>,
    /// Resident bytes that are not the service's: what a snapshot left with the allocator.
    pub borrowed: u64,
    /// What the machine could still give.
    pub available: Option<u64>,
    /// The user's `limit`, which stands for the container's.
    pub given: Option<u64>,
}

/// The heap has at least this share of a limit, so that a process beyond its limit still gets a verdict.
const LEAST_OF_HEAP: u64 = 8;
/// Without a container a process that grows fourfold, and beyond this, is in trouble anyway.
const FLOOR_WITHOUT_CONTAINER: u64 = 1 << 30;

impl LimitInputs {
    /// Heap: the smaller of V8's limit and what the container leaves beside the rest of the
    /// process, an eighth at least. External and native: the container's limit, or else the smaller of what the
    /// machine has left and max(1 GB, 4 x the resident size at the start).
    #[must_use]
    pub fn limits(&self) -> Limits {
        let container = self.given.or(self.container);
        let beside = self.rss.saturating_sub(self.heap_total).saturating_sub(self.borrowed);
        let heap = container.map_or(self.heap_limit, |limit| {
            self.heap_limit.min(limit.saturating_sub(beside).max(limit / LEAST_OF_HEAP))
        });
        let process = container.unwrap_or_else(|| {
            let grown = FLOOR_WITHOUT_CONTAINER.max(self.rss_at_start.saturating_mul(4));
            self.available.map_or(grown, |available| grown.min(available.saturating_add(self.rss)))
        });
        Limits { heap, external: process, native: process }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;
    const BASE: LimitInputs = LimitInputs {
        heap_limit: 2048 * MB,
        heap_total: 50 * MB,
        rss: 120 * MB,
        rss_at_start: 80 * MB,
        container: None,
        borrowed: 0,
        available: Some(16_000 * MB),
        given: None,
    };

    #[test]
    fn without_a_container_v8_and_the_machine_decide() {
        let limits = BASE.limits();
        assert_eq!((limits.heap, limits.external), (2048 * MB, 1024 * MB));
        let scarce = LimitInputs { available: Some(300 * MB), ..BASE }.limits();
        assert_eq!(scarce.native, 420 * MB);
        let large = LimitInputs { rss_at_start: 1000 * MB, ..BASE }.limits();
        assert_eq!(large.native, 4000 * MB);
    }

    #[test]
    fn a_container_leaves_the_heap_what_the_rest_does_not_take() {
        let limits = LimitInputs { container: Some(512 * MB), ..BASE }.limits();
        assert_eq!((limits.heap, limits.native), (442 * MB, 512 * MB));
        let small_heap = LimitInputs { container: Some(512 * MB), heap_limit: 256 * MB, ..BASE };
        assert_eq!(small_heap.limits().heap, 256 * MB);
    }

    #[test]
    fn the_given_limit_replaces_the_containers() {
        let limits =
            LimitInputs { container: Some(512 * MB), given: Some(256 * MB), ..BASE }.limits();
        assert_eq!(limits.external, 256 * MB);
    }

    #[test]
    fn what_a_snapshot_left_behind_does_not_narrow_the_heap() {
        let container = Some(512 * MB);
        let after = LimitInputs { container, rss: 420 * MB, borrowed: 300 * MB, ..BASE };
        assert_eq!(after.limits().heap, LimitInputs { container, ..BASE }.limits().heap);
    }

    #[test]
    fn beyond_the_limit_the_heap_still_has_one() {
        let limits = LimitInputs { container: Some(64 * MB), ..BASE }.limits();
        assert_eq!(limits.heap, 8 * MB);
    }

    #[test]
    fn the_limit_of_the_heap_stays_where_it_is_when_the_heap_passes_it() {
        let of = |heap_total: u64| {
            let rss = heap_total + 60 * MB;
            LimitInputs { given: Some(100 * MB), heap_total, rss, ..BASE }.limits().heap
        };
        assert_eq!([20, 40, 50, 300].map(|heap| of(heap * MB)), [40 * MB; 4]);
    }
}
