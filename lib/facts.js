'use strict';
// Values that several parts of plimsoll share. Rust has its own copies (src/addon/facts.rs lists them), and
// __test__/docs/facts.test.js fails where the two, the types or the schema differ.

const vocabulary = require('./vocabulary.js');

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** The channels and the states of a verdict; lib/vocabulary.js has their order and their words. */
const CHANNELS = Object.keys(vocabulary.CHANNELS);
const STATES = Object.keys(vocabulary.STATES);

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
