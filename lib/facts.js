'use strict';
// Values that several parts of plimsoll share. Rust has its own copies (src/addon/facts.rs lists them), and
// __test__/docs/facts.test.js fails where the two, the types or the schema differ.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The kinds of memory that a verdict is about, in the order of `verdict.channels`. */
const CHANNELS = /** @type {const} */ (['heap', 'external', 'native']);

/** The states of a verdict, the most serious one first. */
const STATES = /** @type {const} */ ([
  'leak',
  'suspect',
  'fragmentation',
  'filling',
  'follows-load',
  'warming',
  'slow',
  'steady',
  'too-early',
]);

/** The trend's window and its buckets, and the share of the loop's time that forced GCs may take. */
const TREND = { windowMs: 15 * MINUTE, buckets: 12, probeBudget: 0.005 };

/** Snapshots kept in a directory, and the least time between two diagnoses. */
const RETENTION = { maxFiles: 6, maxBytes: 2 * 2 ** 30, cooldownMs: HOUR };

/** Bits of what the native sampler answers to a tick. */
const TICK = { notices: 1, probe: 2, requests: 4, emergency: 8 };

/** What a row of the trackers counts: the position is the number in native memory. */
const TRACKED_KINDS = ['listeners', 'timers', 'promises', 'sockets', 'streams'];

/** The classes of caches: the position is the number in native memory. */
const CACHE_KINDS = ['BoundedMap', 'LRUCache', 'RingBuffer', 'WeakValueMap'];

/** Layout of a tracker's row and of a cache's record, in doubles. */
const TRACKED_ROW_WORDS = 8;
const CACHE_RECORD = { words: 48, kind: 14, label: 15 };

module.exports = {
  SECOND,
  MINUTE,
  HOUR,
  CHANNELS,
  STATES,
  TREND,
  RETENTION,
  TICK,
  TRACKED_KINDS,
  TRACKED_ROW_WORDS,
  CACHE_KINDS,
  CACHE_RECORD,
};
