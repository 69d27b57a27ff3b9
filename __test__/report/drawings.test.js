'use strict';
// The parts of the page that are drawn from the report alone: layouts, the bar of the heap, treemap, flame graph and the
// lines to paste.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const fc = require('../helpers/fast-check.js');
const { squarify, icicle } = require('../../lib/report/rectangles.js');
const { growthBar, partsOf } = require('../../lib/report/growth-bar.js');
const { treemap, areasOf, modulesOf } = require('../../lib/report/treemap.js');
const { flameGraph, readProfile } = require('../../lib/report/flame-graph.js');
const { snippet } = require('../../lib/report/snippet.js');
const { memoryChart } = require('../../lib/report/chart.js');
const { memoryCharts } = require('../../lib/report/html-memory.js');
const { leakReport } = require('../support/reports.js');

const MB = 2 ** 20;
const sum = (list) => list.reduce((all, each) => all + each, 0);

test('a treemap fills its box: each area is its weight, none lies over another', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      weights,
      fc.integer({ min: 50, max: 900 }),
      fc.integer({ min: 50, max: 900 }),
      (given, width, height) => {
        const sorted = given.toSorted((a, b) => b - a);
        const boxes = squarify(sorted, { x: 10, y: 20, width, height });
        assert.equal(boxes.length, sorted.length);
        const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6 * width * height, `${a} is not ${b}`);
        for (const [at, box] of boxes.entries()) {
          near(box.width * box.height, (sorted[at] / sum(sorted)) * width * height);
          assert.ok(box.x >= 10 - 1e-6 && box.y >= 20 - 1e-6);
          assert.ok(box.x + box.width <= 10 + width + 1e-6 && box.y + box.height <= 20 + height + 1e-6);
          for (const other of boxes.slice(at + 1)) {
            const across = Math.min(box.x + box.width, other.x + other.width) - Math.max(box.x, other.x);
            const along = Math.min(box.y + box.height, other.y + other.height) - Math.max(box.y, other.y);
            assert.ok(across < 1e-6 || along < 1e-6);
          }
        }
      },
    ),
  );
});

const totals = ({ own, children }) => {
  const below = children.map(totals);
  return { frame: {}, bytes: own + sum(below.map(({ bytes }) => bytes)), children: below };
};

test('in a flame graph each call lies below its caller and within it', () => {
  const leaf = fc.record({ own: fc.nat(1000), children: fc.constant([]) });
  const { node: tree } = fc.letrec((tie) => ({
    node: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'calls' },
      leaf,
      fc.record({ own: fc.nat(1000), children: fc.array(tie('node'), { maxLength: 4, depthIdentifier: 'calls' }) }),
    ),
  }));
  fc.assert(
    fc.property(tree, (given) => {
      const bars = icicle(totals(given), { least: 0, deepest: 5, most: 1000 });
      for (const bar of bars.filter(({ depth }) => depth > 0)) {
        const isAbove = (other) =>
          other.depth === bar.depth - 1 && other.x <= bar.x + 1e-9 && other.x + other.width >= bar.x + bar.width - 1e-9;
        assert.ok(bars.some(isAbove));
        assert.ok(bar.depth <= 5);
      }
      for (const { depth, x, width } of bars)
        assert.ok(
          !bars.some((other) => other.depth === depth && other.x > x + 1e-9 && other.x < x + width - 1e-9),
          'no two of a row overlap',
        );
    }),
  );
});

test('the parts of the heap add up to each snapshot, however many suspects there are', () => {
  const sizes = fc.array(fc.nat(1000), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 9 }), sizes, (retained, rest) => {
      const suspects = retained.map((each) => ({ cause: 'map', name: 'm', retained: each }));
      const heapBytes = rest.map((size, at) => size + sum(retained.map((each) => each[at])));
      const parts = partsOf({ growth: { heapBytes }, suspects });
      assert.ok(parts.length <= 7);
      heapBytes.forEach((size, at) => assert.equal(sum(parts.map((part) => part.sizes[at])), size));
    }),
  );
});

test('the bars have the letters of the snapshots that were compared', () => {
  const report = leakReport();
  const [{ path: first }, ...others] = report.snapshots;
  report.snapshots.push({ ...report.snapshots[2], path: `${first}.later` });
  report.growth.snapshots = [...others.map(({ path: file }) => file), `${first}.later`];
  const names = [...String(growthBar(report)).matchAll(/<span class="soft">(.)</g)].map(([, name]) => name);
  assert.deepEqual(names, ['B', 'C', 'D']);
});

test('the areas of the live heap are all of it', () => {
  const { liveHeap } = leakReport();
  assert.equal(sum(areasOf(liveHeap).map(({ bytes }) => bytes)), liveHeap.bytes);
  for (const each of liveHeap.packages) assert.equal(sum(modulesOf(each).map(({ bytes }) => bytes)), each.bytes);
  const text = String(treemap(liveHeap, '/srv/app'));
  assert.match(text, /aria-label="live heap, 160 MB: application 117 MB, Node 21 MB, V8 12 MB, express@5\.1\.0 6 MB/);
  assert.match(text, /<title>src\/session\.js: 107 MB<\/title>/);
  assert.equal(treemap(null, '/'), null);
  assert.equal(treemap({ bytes: 0, packages: [] }, '/'), null);
});

test('the flame graph comes from the profile of a run, and from no other file', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-flame-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const { Session } = require('node:inspector');
  const session = new Session();
  session.connect();
  const post = (method, params) => {
    let answer;
    session.post(method, params, (error, result) => (answer = error ?? result));
    return answer;
  };
  post('HeapProfiler.startSampling', { samplingInterval: 128 });
  const kept = [];
  (function allocatesHere() {
    for (let at = 0; at < 5000; at++) kept.push({ at, text: `entry ${at}` });
  })();
  const { profile } = post('HeapProfiler.stopSampling');
  session.disconnect();
  assert.equal(kept.length, 5000);
  const file = path.join(dir, 'a.heapprofile');
  fs.writeFileSync(file, JSON.stringify(profile));
  const text = String(flameGraph(readProfile(file), __dirname));
  assert.match(text, /<title>allocatesHere \(drawings\.test\.js:\d+\): [\d.]+ [KM]B \(\d+ %\)<\/title>/);

  fs.copyFileSync(file, path.join(dir, 'a.json'));
  fs.writeFileSync(path.join(dir, 'cut.heapprofile'), '{"head":{');
  for (const other of ['a.json', 'cut.heapprofile', 'none.heapprofile', '.'])
    assert.equal(readProfile(path.join(dir, other)), null);
  for (const nothing of [null, undefined, '']) assert.equal(readProfile(nothing), null);
  assert.equal(flameGraph(null, '/'), null);
  assert.equal(flameGraph({ callFrame: {}, selfSize: 0, children: [] }, '/'), null);
});

test('a snippet is a program that runs, with a bound by what an entry takes', () => {
  const [map, listeners] = leakReport().suspects;
  assert.equal(
    snippet(map),
    `const { BoundedMap } = require('plimsoll');\n\nconst sessions = new BoundedMap({ max: 10_000 }); // about 20 MB: 2 KB for each entry`,
  );
  assert.match(snippet({ ...map, file: '/srv/a.ts' }), /^import \{ BoundedMap \} from 'plimsoll';/);
  assert.equal(
    snippet(listeners),
    "bus.on('change', listener);\nrequest.once('close', () => bus.off('change', listener));",
  );
  assert.match(snippet({ ...map, cause: 'array', name: 'log' }), /const log = new RingBuffer\(10_000\);/);
  const exported = (file, step) => snippet({ ...map, name: path.basename(file), file, path: [`module ${file}`, step] });
  assert.match(exported('/srv/rows.js', 'exports'), /^module\.exports = new BoundedMap\(/m);
  assert.match(exported('/srv/rows.mjs', 'default'), /^export default new BoundedMap\(/m);
  assert.equal(exported('/srv/rows.js', 'rows'), '', 'the name is no variable');
  assert.match(snippet({ ...map, bytes: 400 * MB, count: 4 }), /max: 1 \}/);
  for (const without of [{ name: 'a.b' }, { name: '' }, { name: 'a;b' }, { cause: 'weak' }, { package: { name: 'x' } }])
    assert.equal(snippet({ ...map, ...without }), '');
  assert.equal(snippet(map, true), '', 'a redacted name is a hash');
  const run = snippet(map).replace("'plimsoll'", JSON.stringify(path.join(__dirname, '../..')));
  // oxlint-disable-next-line no-new-func
  assert.equal(new Function('require', `${run}\nreturn sessions.stats().max;`)(require), 10_000);
});

test('the projection ends at the limit, and is drawn only of what approaches one', () => {
  const minute = 60_000;
  const points = Array.from({ length: 30 }, (_, at) => [at * minute, (100 + at) * MB, null]);
  const verdict = { bytesPerMinute: MB, msToLimit: 2 * minute, spanMs: 30 * minute };
  const chart = (over, limit = 131 * MB) =>
    String(memoryChart({ channel: 'heap', size: 'wide', points, verdict: { ...verdict, ...over }, limit }));
  const near = chart({});
  const limitAt = Number(/class="limit" d="M[\d.]+ ([\d.]+)/.exec(near)[1]);
  const end = Number(/class="projection" d="M[\d.]+ [\d.]+L[\d.]+ ([\d.]+)"/.exec(near)[1]);
  assert.ok(Math.abs(end - limitAt) < 2, `${end} is not at ${limitAt}`);
  assert.match(chart({ msToLimit: 900 * minute }, 1000 * MB), /class="projection"/, 'of a limit beyond the chart too');
  assert.doesNotMatch(chart({ msToLimit: null }), /projection/);
  assert.doesNotMatch(chart({ bytesPerMinute: 0 }), /projection/);
});

test('a limit far beyond the chart is drawn above a break of the axis, and says when it is reached', () => {
  const minute = 60_000;
  const points = Array.from({ length: 30 }, (_, at) => [at * minute, (100 + at) * MB, null]);
  const chart = (limit, verdict) => String(memoryChart({ channel: 'heap', size: 'wide', points, verdict, limit }));
  const rising = { bytesPerMinute: MB, msToLimit: 871 * minute, spanMs: 30 * minute };
  const far = chart(1000 * MB, rising);
  const heightOf = (kind) => Number(new RegExp(`class="${kind}" d="M[\\d.]+ ([\\d.]+)`).exec(far)[1]);
  const highest = Math.min(...[...far.matchAll(/class="grid" d="M[\d.]+ ([\d.]+)/g)].map(([, y]) => Number(y)));
  assert.ok(heightOf('limit') < heightOf('break') && heightOf('break') < highest);
  assert.match(far, />limit 1,000 MB, in 15 h<\/text>/);
  assert.match(far, /aria-label="[^"]*, limit 1,000 MB, in 15 h"/);
  assert.match(chart(1000 * MB, null), />limit 1,000 MB<\/text>/);
  assert.doesNotMatch(chart(140 * MB, rising), /class="break"/);
  assert.match(chart(110 * MB, { ...rising, msToLimit: 0 }), />limit 110 MB, passed<\/text>/);
  assert.doesNotMatch(chart(null, rising), /limit/);
});

/** Half a minute of a floor, its collections, and forced ones; the last interval has not ended. */
function shortRun() {
  const second = 1000;
  const series = { heap: [0, 10, 20].map((t) => [t * second, (10 + t) * MB, null]), external: [] };
  series.external = series.heap.map(([t]) => [t, MB, null]);
  const collections = Array.from({ length: 30 }, (_, t) => [t * second, (10 + t) * MB, t % 2 ? 'probe' : 'natural']);
  const own = { channel: 'heap', bytesPerMinute: 60 * MB, msToLimit: 900 * second, spanMs: 8000, bytes: 39.5 * MB };
  const verdict = { state: 'leak', ...own, channels: [own, { channel: 'external', bytesPerMinute: 0, bytes: 2 * MB }] };
  return { series, collections, verdict, snapshots: [], limits: {} };
}

test('charts end with what is known last, and the fitted floor has the interval of the rate', () => {
  const [, heap, , external] = String(memoryCharts(shortRun())).split('<svg class="chart');
  const [, from, to] = /class="fit" d="M([\d.]+) [\d.]+L([\d.]+)/.exec(heap).map(Number);
  const perSecond = to - Number(/class="collection natural" cx="([\d.]+)"[^>]*><title>[^<]*28 s/.exec(heap)[1]);
  assert.equal(Number(/class="line" d="[^"]*L([\d.]+) [\d.]+"/.exec(heap)[1]), to);
  assert.ok(Math.abs((to - from) / perSecond - 8) < 0.1, `${from} to ${to}, ${perSecond} a second`);
  assert.match(external, /class="line" d="[^"]*L386 /, 'at the right edge');
});

test('forced collections are a row below the axis, and no dots on the line', () => {
  const { collections, series, verdict } = shortRun();
  const probes = collections.filter(([, , cause]) => cause === 'probe').map(([tMs]) => ({ tMs }));
  const text = String(
    memoryChart({ channel: 'heap', size: 'wide', points: series.heap, verdict, collections, probes }),
  );
  assert.equal(text.match(/class="collection natural"/g).length, 15);
  assert.equal(text.match(/class="probe"/g).length, 15);
  assert.doesNotMatch(text, /class="collection probe"/);
});

test('a limit that is near is reached within the chart', () => {
  const { series, verdict } = shortRun();
  const chart = (msToLimit, limit) =>
    String(
      memoryChart({
        channel: 'heap',
        size: 'wide',
        points: series.heap,
        verdict: { ...verdict, spanMs: 20_000, msToLimit },
        limit,
      }),
    );
  assert.match(chart(15_000, 45 * MB), /<circle class="projected"/);
  assert.match(chart(50_000, 80 * MB), /<path class="projected"/, 'an arrow where it goes on');
});

test('no figure of the treemap is cut: where it does not fit, it is left out', () => {
  const packages = Array.from({ length: 14 }, (_, at) => {
    const size = (15 - at) * MB * 1.3;
    const modules = [`/p/${at}.js`, '/p/x.js'].map((file) => ({ file, bytes: size / 2, count: 1 }));
    return { name: `package-${at}@1.0.${at}`, bytes: size, count: 2, modules };
  });
  const liveHeap = { bytes: sum(packages.map((each) => each.bytes)), packages };
  const labels = [...String(treemap(liveHeap, '/p')).matchAll(/<text [^>]*>([^<]*)</g)].map(([, label]) => label);
  assert.ok(labels.some((label) => /^package-0@1\.0\.0 \d+ MB/.test(label)));
  assert.ok(
    labels.some((label) => label.endsWith('…')),
    'names are clipped',
  );
  assert.deepEqual(
    labels.filter((label) => /\d+(\.\d+)? ?[KM]?B? ?\(?…|\(\d* ?…/.test(label) && !/^package-\d+@[\d.]*…$/.test(label)),
    [],
  );
});
