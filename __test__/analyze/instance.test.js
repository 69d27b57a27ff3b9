'use strict';
// The retaining path ends at a typical object of what grew, with the bytes that each step retains; the live heap is
// split by package and module.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { analyze } = require('../..');
const { runProgram } = require('../causes/run.js');
const { seeded } = require('../causes/names.js');
const { violations } = require('../support/reports.js');

const random = seeded(27);

/** The report of a program whose folder is removed afterwards. */
async function reportOf(t, main) {
  const program = { title: 'instance', kind: 'cjs', files: { 'main.js': main }, expect: null };
  const { dir, snapshots } = await runProgram(program, { random, steps: 400 });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const report = await analyze(snapshots, { sourceRoots: [dir] });
  assert.deepEqual(violations(report), []);
  return report;
}

test('a listener leads to the response that its scope holds', async (t) => {
  const report = await reportOf(
    t,
    `const { EventEmitter } = require('node:events');
    const { IncomingMessage, ServerResponse } = require('node:http');
    const bus = new EventEmitter().setMaxListeners(0);
    const onRequest = (req, res) => bus.on('config', function onConfig(config) { res.config = config; });
    drive(() => { const req = new IncomingMessage(null); onRequest(req, new ServerResponse(req)); });`,
  );
  const [{ path, retainingPath, instance, growth, bytes }] = report.suspects;
  assert.equal(instance.type, 'ServerResponse');
  assert.deepEqual(
    retainingPath.map(({ name, type }) => `${name}: ${type}`),
    [
      'module main.js: (scope)',
      'bus: EventEmitter',
      '_events: Object',
      'config: Array',
      '(entry): function onConfig',
      'onConfig(): (scope)',
      'res: ServerResponse',
    ],
  );
  assert.equal(retainingPath[0].name, path[0]);
  assert.equal(retainingPath.at(-1).id, instance.id);
  assert.ok(instance.shallow <= instance.retained);
  const container = retainingPath.find(({ type }) => type === 'Array');
  assert.ok(container.retained >= bytes && bytes === growth.at(-1), 'the container retains what grew');
  for (const [at, step] of retainingPath.slice(1, 4).entries()) assert.ok(step.retained <= retainingPath[at].retained);
});

test('a Map of sessions leads to a Session, and the heap is split by module', async (t) => {
  const report = await reportOf(
    t,
    `class Session { constructor(i) { this.id = i; this.text = ('session ' + i).repeat(40); } }
    const sessions = new Map();
    drive((i) => sessions.set('k' + i, new Session(i)));`,
  );
  const [{ retainingPath, instance }] = report.suspects;
  assert.equal(instance.type, 'Session');
  assert.deepEqual(
    retainingPath.map(({ name }) => name),
    ['module main.js', 'sessions', '(entry)'],
  );
  const { liveHeap, growth, snapshots } = report;
  assert.equal(liveHeap.bytes, growth.toBytes);
  assert.deepEqual(
    growth.heapBytes,
    snapshots.map(({ heapBytes }) => heapBytes),
  );
  assert.ok(liveHeap.packages.reduce((sum, each) => sum + each.bytes, 0) <= liveHeap.bytes);
  const own = liveHeap.packages.find(({ name }) => name === '(application)');
  assert.match(own.modules[0].file, /main\.js$/);
  assert.ok(own.modules[0].bytes >= retainingPath[1].retained / 2, 'the module counts what its variables retain');
  assert.ok(own.modules.reduce((sum, each) => sum + each.bytes, 0) <= own.bytes);
});
