'use strict';
// Fills a heap of about HEAP_MB with small objects that live, takes one snapshot by METHOD, and tells the
// parent what it cost. The event loop's longest turn is measured from within.

const fs = require('node:fs');
const v8 = require('node:v8');
const { takeSnapshot } = require('../../index.js');

const [dir, method, given] = process.argv.slice(2);
const {
  heap: heapMB,
  entry,
  nice,
  headroom,
} = Object.fromEntries(Object.entries(JSON.parse(given)).map(([name, value]) => [name, Number(value)]));

// The same number of objects in every process; one with a short text takes some 115 bytes.
const SHORT = 115;
const kept = [];
globalThis.kept = kept;
// In one piece: a string that was put together is a tree of pieces.
const text = (i) =>
  entry === SHORT ? `entry ${i}` : Buffer.from(`entry ${i}`.padEnd(entry - SHORT, '.')).toString('latin1');
for (let i = 0; i < (heapMB * 9000 * SHORT) / entry; i++) kept.push({ id: i, text: text(i), next: kept.at(-1) });
globalThis.gc();

const status = (pid, field) =>
  Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

/** The most memory that the converter has had. A thread of this process has started it. */
function converterPeak() {
  for (const thread of fs.readdirSync('/proc/self/task')) {
    try {
      const children = fs.readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
      const isConverter = (pid) => fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'plimsoll-snap';
      const converter = children.find(isConverter);
      if (converter !== undefined) return status(converter, 'VmHWM');
    } catch {
      // It has ended.
    }
  }
  return 0;
}

async function main() {
  const { used_heap_size: heap, total_heap_size: total } = v8.getHeapStatistics();
  fs.writeFileSync('/proc/self/clear_refs', '5');
  const before = status('self', 'VmRSS');
  let [longest, last, peak] = [0, performance.now(), 0];
  const ticker = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    peak = Math.max(peak, converterPeak());
  }, 5);
  const began = performance.now();
  const snapshot = await takeSnapshot({ dir, method, nice, headroom, cooldown: 0, maxBytes: 2 ** 40 });
  const ms = performance.now() - began;
  await new Promise(setImmediate);
  clearInterval(ticker);
  const grown = status('self', 'VmHWM') - before;
  process.send({
    heap,
    ms,
    longest: Math.max(longest, performance.now() - last),
    grown,
    converter: peak,
    total,
    ...snapshot,
  });
}

void main();
