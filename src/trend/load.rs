//! How much work is done between two readings.
//!
//! What is allocated tells it for nothing. But a leak can make work itself (pollers that are never stopped,
//! listeners that are all called) and would so explain its own growth. Requests come from outside; counting
//! them costs each of them a message, so they are asked for only while there is growth to explain. Then they
//! are counted as what such requests allocated at first, which makes one series of both.

use super::Reading;

/// A rate of requests below this is no load: what watches the process asks that often.
const LEAST_PER_SECOND: f64 = 1.0;

/// What requests are worth, in the unit of the work that is always known.
#[derive(Debug, Clone, Copy)]
enum Worth {
    /// What was seen since they are counted.
    Seen {
        ms: u64,
        requests: u64,
        work: f64,
    },
    Known(f64),
}

const NOTHING_SEEN: Worth = Worth::Seen { ms: 0, requests: 0, work: 0.0 };

/// The load of one isolate.
#[derive(Debug)]
pub(super) struct Load {
    worth: Worth,
    /// What requests are compared with what else is known for, ms.
    compared_for: u64,
}

impl Load {
    pub fn new(compared_for: u64) -> Self {
        Self { worth: NOTHING_SEEN, compared_for }
    }

    /// Work from one reading to the next: bytes allocated, or ms that the loop was busy where these are unknown, or
    /// requests where that is unknown too.
    pub fn between(&mut self, before: &Reading, now: &Reading) -> f64 {
        let interval = now.t.saturating_sub(before.t);
        let known = if now.allocated > 0 {
            now.allocated.saturating_sub(before.allocated) as f64
        } else {
            now.utilisation.unwrap_or(0.0) * interval as f64
        };
        let (Some(then), Some(now)) = (before.requests, now.requests) else {
            self.worth = NOTHING_SEEN;
            return known;
        };
        let requests = now.saturating_sub(then);
        match &mut self.worth {
            Worth::Known(each) => requests as f64 * *each,
            Worth::Seen { ms, requests: seen, work } => {
                *ms += interval;
                *seen += requests;
                *work += known;
                if *ms >= self.compared_for {
                    let enough = *seen as f64 * 1000.0 / *ms as f64 >= LEAST_PER_SECOND;
                    let each = if *work > 0.0 { *work / *seen as f64 } else { 1.0 };
                    self.worth = if enough { Worth::Known(each) } else { NOTHING_SEEN };
                }
                known
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Work of each second, where so many requests come a second from the tenth on, and each allocates so much.
    fn works(requests: u64, bytes: impl Fn(u64) -> u64) -> Vec<f64> {
        let mut load = Load::new(5000);
        let mut before = Reading::default();
        let seconds = (1..30).map(|second| {
            let now = Reading {
                t: second * 1000,
                allocated: before.allocated + bytes(second),
                requests: (second >= 10).then_some(requests * second),
                ..Reading::default()
            };
            let work = load.between(&before, &now);
            before = now;
            work
        });
        seconds.collect()
    }

    #[test]
    fn requests_go_on_where_allocation_was() {
        assert_eq!(works(7, |_| 700), [700.0; 29]);
        // From the comparison on what else is allocated counts no more.
        let rising = works(7, |second| if second > 15 { second * 700 } else { 700 });
        assert_eq!(rising, [700.0; 29]);
    }

    #[test]
    fn few_requests_are_no_load() {
        let rising = works(0, |second| second * 700);
        assert_eq!(rising.last(), Some(&(29.0 * 700.0)));
    }

    #[test]
    fn one_request_a_second_is_a_load() {
        let rising = works(1, |second| if second > 15 { second * 700 } else { 700 });
        assert_eq!(rising, [700.0; 29]);
    }

    #[test]
    fn requests_alone_count_by_themselves() {
        let works = works(7, |_| 0);
        assert_eq!((works[13], works[28]), (0.0, 7.0));
    }
}
