'use strict';
// What a provoked collection costs the event loop, by the means: moderate memory pressure (incremental marking, what
// plimsoll tries first), critical pressure (one full collection, what it falls back to) and LowMemoryNotification (what an
// inspector's collectGarbage does).
//
//   node bench/detect/probes.js [--mb 50,300,1000] [--repeat 3] [--node NODE,NODE] [--idle]
//
// A process of its own for each size and means holds that much in objects and does a little work each millisecond (--idle:
// none). Of each collection: the longest gap between two turns of the loop, less the usual one; what all longer gaps add up
// to; and how long the floor took to be seen. Medians, beside the longest gap that there was without.

const { execFileSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { performance } = require('node:perf_hooks');

const { values } = parseArgs({
  options: {
    mb: { type: 'string', default: '50,300,1000' },
    repeat: { type: 'string', default: '3' },
    node: { type: 'string', default: process.execPath },
    idle: { type: 'boolean', default: false },
    child: { type: 'string' },
    means: { type: 'string' },
  },
});

const MEANS = ['moderate', 'critical', 'low-memory'];
/** A collection that was not seen by then does not come. */
const PATIENCE = 10_000; // ms
/** A gap that exceeds the usual one by this much is one that a collection made. */
const NOTABLE = 1; // ms

const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Objects of some hundred bytes in a Map, `mb` of them. */
function hold(mb) {
  const held = new Map();
  const { used_heap_size: before } = require('node:v8').getHeapStatistics();
  for (let i = 0; ; i++) {
    held.set(`k${i}`, { id: i, name: `user ${i}`, roles: ['a', String(i)], at: { x: i, y: i + 0.5 } });
    if (i % 1000 === 0 && require('node:v8').getHeapStatistics().used_heap_size - before > mb * 1e6) return held;
  }
}

/** A service: garbage, and a write into what is old, each turn. */
function work(held, n) {
  for (let i = 0; i < 50; i++) JSON.parse(`{"n":${n},"list":[1,2,3]}`);
  held.get(`k${(n * 7919) % held.size}`).last = { n };
}

async function child() {
  const v8 = require('node:v8');
  const vm = require('node:vm');
  const { Session } = require('node:inspector');
  const { IsolateSampler } = require('../../lib/watch/isolate.js');
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const session = new Session();
  session.connect();
  const sampler = new IsolateSampler(
    { interval: 1000, window: 900_000, threshold: 1, probeBudget: 0 },
    {
      notices() {},
      probe() {},
      tick() {},
      failed(error) {
        throw error;
      },
    },
  );
  const { native } = sampler;
  const provoke = {
    moderate: () => native.probe(false),
    critical: () => native.probe(true),
    'low-memory': () => session.post('HeapProfiler.collectGarbage'),
  }[values.means];
  const held = hold(Number(values.child));
  collect();
  let n = 0;
  /** Gaps between turns of the loop until `done`, ms; the first one has `start` in it. */
  const gapsUntil = async (start, done) => {
    const gaps = [];
    let before = performance.now();
    start();
    do {
      if (!values.idle) work(held, n++);
      await turn();
      const now = performance.now();
      gaps.push(now - before);
      before = now;
    } while (!done());
    return gaps;
  };
  const results = [];
  for (let at = 0; at < Number(values.repeat); at++) {
    const until = performance.now() + 300;
    const usual = await gapsUntil(
      () => {},
      () => performance.now() > until,
    );
    const [count, paused] = native.markCompacts();
    const begun = performance.now();
    const gaps = await gapsUntil(
      provoke,
      () => native.markCompacts()[0] > count || performance.now() - begun > PATIENCE,
    );
    const typical = median(usual);
    const beyond = gaps.map((gap) => gap - typical).filter((gap) => gap > NOTABLE);
    const [now, pausedNow] = native.markCompacts();
    results.push({
      collections: now - count,
      longest: Math.max(0, ...beyond),
      total: beyond.reduce((sum, gap) => sum + gap, 0),
      paused: pausedNow - paused,
      seen: performance.now() - begun,
      control: Math.max(...usual) - typical,
    });
  }
  sampler.stop();
  process.stdout.write(JSON.stringify(results), () => process.exit(0));
}

function main() {
  console.log(
    'node      heap MB  means       longest gap ms   all gaps ms   pause ms   seen after ms   collections   (longest gap without)',
  );
  for (const node of values.node.split(',')) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    for (const mb of values.mb.split(',')) {
      for (const means of MEANS) {
        const args = [
          '--max-old-space-size=4096',
          __filename,
          '--child',
          mb,
          '--means',
          means,
          '--repeat',
          values.repeat,
          ...(values.idle ? ['--idle'] : []),
        ];
        const results = JSON.parse(execFileSync(node, args, { encoding: 'utf8' }));
        const of = (key) => median(results.map((result) => result[key])).toFixed(0);
        const unseen = results.filter(({ collections }) => collections === 0).length;
        const line = `${version.padEnd(9)} ${mb.padStart(7)}  ${means.padEnd(10)} ${of('longest').padStart(15)} ${of('total').padStart(13)} ${of('paused').padStart(10)} ${of('seen').padStart(15)} ${of('collections').padStart(13)} ${of('control').padStart(20)}`;
        console.log(line + (unseen > 0 ? `   ${unseen} of ${results.length} not seen` : ''));
      }
    }
  }
}

if (values.child === undefined) main();
else child();
