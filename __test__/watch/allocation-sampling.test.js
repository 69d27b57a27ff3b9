'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const v8 = require('node:v8');
const vm = require('node:vm');
const { Worker } = require('node:worker_threads');
const { AllocationSampler, growth, pauseSampling } = require('../../lib/track/allocation.js');
const { native } = require('../../lib/native.js');
const { noHooks } = require('../support/hooks.js');

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc');
const FINE = { interval: 16 * 1024 };

/** Code of a file of its own in a folder that is removed after the test. */
function moduleWith(t, source) {
  const dir = mkdtempSync(path.join(tmpdir(), 'plimsoll-allocation-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'app.js');
  writeFileSync(file, source);
  return { file, exports: require(file) };
}

/** A node of a profile. */
const node = (functionName, url, selfSize, children = []) => ({
  callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 },
  selfSize,
  children,
});

test('a slightly denser sampling forgets nothing, a much denser one begins again', { skip: noHooks }, (t) => {
  const { exports: app } = moduleWith(
    t,
    'exports.kept = []; exports.keep = (i) => exports.kept.push(new Array(200).fill(i));',
  );
  const interval = 2 ** 20;
  const sampler = new AllocationSampler();
  t.after(() => sampler.stop());
  sampler.start({ interval });
  const sizeNow = () => growth(null, sampler.read()).reduce((sum, { bytes }) => sum + bytes, 0);
  while (sizeNow() === 0) for (let i = 0; i < 1000; i++) app.keep(i);
  sampler.alert(interval * 0.9);
  assert.ok(sizeNow() > 0);
  sampler.alert(interval / 2);
  assert.equal(sizeNow(), 0);
});

test('the function whose objects stay is named, the one whose objects went is not', { skip: noHooks }, (t) => {
  const { file, exports: app } = moduleWith(
    t,
    `const kept = [];
exports.login = function login(i) {
  kept.push(new Array(200).fill(i));
};
exports.render = function render(i) {
  return new Array(200).fill(i).length;
};
`,
  );
  const sampler = new AllocationSampler();
  t.after(() => sampler.stop());
  assert.equal(sampler.start(FINE), 'on');
  const before = sampler.read();
  for (let i = 0; i < 5000; i++) {
    app.login(i);
    app.render(i);
  }
  collect();
  const [site] = growth(before, sampler.read());
  assert.deepEqual([site.function, site.file, site.line], ['login', file, 2]);
  assert.ok(site.share > 0.8, `share ${site.share}`);
  assert.ok(site.bytes > 4e6 && site.bytes < 16e6, `${site.bytes} bytes of about 8 MB`);
});

test('from a suspicion on, only what is allocated then counts, and densely', { skip: noHooks }, (t) => {
  const { exports: app } = moduleWith(
    t,
    `const kept = [];
exports.boot = function boot(i) {
  kept.push(new Array(200).fill(i));
};
exports.login = function login(i) {
  kept.push(new Array(200).fill(i));
};
`,
  );
  const sampler = new AllocationSampler();
  t.after(() => sampler.stop());
  assert.equal(sampler.start(FINE), 'on');
  for (let i = 0; i < 5000; i++) app.boot(i);
  const before = sampler.begin();
  for (let i = 0; i < 2500; i++) app.login(i);
  assert.equal(sampler.begin(), null, 'a second suspicion starts nothing');
  for (let i = 0; i < 2500; i++) app.login(i);
  collect();
  const sites = growth(before, sampler.read());
  assert.equal(sites[0].function, 'login');
  assert.ok(sites[0].bytes > 3e6, `${sites[0].bytes} bytes of about 8 MB`);
  assert.ok(!sites.some((site) => site.function === 'boot'), 'what was there before is no growth');
  sampler.end();
  assert.equal(sampler.state, 'on');
  assert.ok(!growth(null, sampler.read()).some((site) => site.function === 'login'), 'the next interval begins empty');
});

test('a pause loses nothing that was sampled, and nodes keep numbers of their own', { skip: noHooks }, (t) => {
  const { exports: app } = moduleWith(
    t,
    `const kept = [];
exports.login = function login(i) {
  kept.push(new Array(200).fill(i));
};
exports.render = function render(i) {
  kept.push(new Array(200).fill(i));
};
`,
  );
  const sampler = new AllocationSampler();
  t.after(() => sampler.stop());
  assert.equal(sampler.start(FINE), 'on');
  for (let i = 0; i < 5000; i++) app.login(i);
  const resume = pauseSampling();
  assert.equal(native.startAllocationSampling(FINE.interval, 16), true, 'it is off meanwhile');
  native.stopAllocationSampling();
  resume();
  for (let i = 0; i < 5000; i++) app.render(i);
  collect();
  const profile = sampler.read();
  assert.deepEqual(
    growth(null, profile)
      .slice(0, 2)
      .map((site) => site.function)
      .toSorted(),
    ['login', 'render'],
  );
  const ids = [];
  const walk = (each) => {
    ids.push(each.id);
    each.children.forEach(walk);
  };
  walk(profile.head);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(profile.samples.every((sample) => ids.includes(sample.nodeId)));
  sampler.stop();
  assert.equal(pauseSampling()(), undefined, 'without a sampler nothing is paused');
  assert.equal(sampler.state, 'off');
});

test('a dependency is named with the function of the application that called it', () => {
  const memo = node('memo', '/app/node_modules/memo/index.js', 600, [node('set', '', 400)]);
  const after = { head: node('(root)', '', 0, [node('handler', '/app/server.js', 0, [memo])]) };
  const [site, ...rest] = growth(null, after);
  assert.deepEqual(rest, []);
  assert.deepEqual([site.function, site.caller.function, site.bytes, site.share], ['memo', 'handler', 1000, 1]);
});

test('what shrank or came and went is no growth', () => {
  assert.deepEqual(growth({ head: node('f', '/app/a.js', 900) }, { head: node('f', '/app/a.js', 400) }), []);
  assert.deepEqual(growth({ head: node('f', '/app/a.js', 900) }, { head: node('f', '/app/a.js', 900) }), []);
});

test("another's sampling is read, and neither started nor stopped", { skip: noHooks }, (t) => {
  assert.equal(native.startAllocationSampling(FINE.interval, 16), true);
  t.after(() => native.stopAllocationSampling());
  const sampler = new AllocationSampler();
  assert.equal(sampler.start(), 'in-use');
  assert.match(sampler.reason, /another profiler/);
  assert.ok(sampler.read().head);
  assert.ok(sampler.begin().head, 'there is a read to compare with');
  sampler.end();
  sampler.stop();
  assert.equal(sampler.read(), null);
  assert.equal(native.startAllocationSampling(FINE.interval, 16), false, 'it was stopped with ours');
});

test('sampling that was stopped from outside is reported, and may start again', { skip: noHooks }, (t) => {
  const sampler = new AllocationSampler();
  t.after(() => sampler.stop());
  sampler.start();
  native.stopAllocationSampling();
  assert.equal(sampler.read(), null);
  assert.deepEqual([sampler.state, sampler.reason], ['off', 'another profiler stopped the sampling']);
  assert.equal(sampler.start(), 'on');
});

test('each thread has its own, and one that ends while sampled does no harm', { skip: noHooks }, async () => {
  const source = `
    const { AllocationSampler } = require(${JSON.stringify(require.resolve('../../lib/track/allocation.js'))});
    const sampler = new AllocationSampler();
    require('node:worker_threads').parentPort.postMessage(sampler.start());`;
  const main = new AllocationSampler();
  assert.equal(main.start(), 'on');
  const worker = new Worker(source, { eval: true });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  assert.equal(await new Promise((resolve) => worker.once('message', resolve)), 'on');
  assert.equal(await exited, 0);
  assert.ok(main.read().head);
  main.stop();
});

test('where V8 lacks it, or it is turned off, the reason is said', { skip: !noHooks && 'it is here' }, () => {
  const sampler = new AllocationSampler();
  assert.equal(sampler.start(), 'off');
  assert.equal(sampler.reason, 'turned off by PLIMSOLL_HOOKS=off');
  assert.equal(sampler.read(), null);
});

test('threads that are terminated with samples alive do no harm', async () => {
  // On Node 24 the process died of a corrupted heap, when the isolate was disposed of.
  const { stdout } = await promisify(execFile)(process.execPath, [
    path.join(__dirname, '../children/sampled-worker.js'),
  ]);
  assert.equal(stdout, 'ok');
});
