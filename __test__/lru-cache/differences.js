'use strict';
// Which of lru-cache's tests are not run, and which assertions do not hold for LRUCache: because they ask for an internal of
// lru-cache. docs/caches.md has the same list. A name stands for its file.

const leftOut = {
  'avoid-memory-leak.ts': 'internal: it measures the heap through valList and free',
  'avoid-tla.ts': "internal: the layout of lru-cache's package",
  'dummy-diagnostics-channel.ts': "internal: the modules of lru-cache's package",
  'esm-load.mjs': "internal: the layout of lru-cache's package",
  'import.mjs': "internal: the layout of lru-cache's package",
  'perf.ts': "internal: the modules of lru-cache's package",
  'tracing.ts':
    'it records which messages fall into which test of nine files in one process, which depends on the test runner; __test__/cache/lru-misuse.test.js compares the messages with those of lru-cache',
};

const layout = "the layout of lru-cache's package";
const backgroundFetch = 'the method backgroundFetch, which the test calls';
const slots = 'which slot an entry has, and what a free slot holds';
const links = 'the links between the slots';
const sizes = 'the list of sizes by slot, and its length';
const ticks = 'how many microtasks pass until a fetch has ended';

/** @param {string} test @param {number} first @param {number} last  of the assertions by one name @param {string} difference */
const numbered = (test, first, last, difference) =>
  Object.fromEntries(Array.from({ length: last - first + 1 }, (_, at) => [`${test} (${first + at})`, difference]));

const LARGE = 'large item falls out of cache, sizes are kept correct > should be equivalent';
const LARGE_ENTRY = 'large item falls out of cache because maxEntrySize > should be equivalent';

const differences = {
  'basic.ts': { 'verify require works as expected > does not throw': layout },
  'fetch.ts': {
    'asynchronous fetching > does not throw': backgroundFetch,
    'fetchMethod throws, noDeleteOnFetchRejection option > not in cache (2)': slots,
    'verify inflight works as expected > should match pattern provided': 'the list of values by slot',
    'abort, but then keep on fetching anyway > did not update values with undefined': slots,
    'background update on timeout, return stale > should be equal (5)': ticks,
  },
  'move-to-tail.ts': { 'list integrity > does not throw': links },
  'size-calculation.ts': { ...numbered(LARGE, 2, 6, sizes), ...numbered(LARGE_ENTRY, 2, 6, sizes) },
};

module.exports = { differences, leftOut };
