'use strict';
// What cannot be patched is off with a reason and the rest is tracked; after stop() nothing is.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { EventEmitter } = require('node:events');
const http = require('node:http');
const path = require('node:path');
const timers = require('node:timers');
const { observe } = require('../support/pulse.js');
const { trackAll, trackEmitter, tracked } = require('../..');
const { trackCounts } = require('../../lib/native.js').requireNative();

const CHILD = path.join(__dirname, '../children', 'track', 'unpatchable.js');
const child = (...args) =>
  JSON.parse(
    execFileSync(process.execPath, [CHILD, ...args], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } }),
  );

const OFF = {
  AbortSignal: ['eventTargets AbortSignal.any'],
  'EventTarget.prototype': ['eventTargets EventTarget.prototype'],
  'EventEmitter.prototype.prependListener': ['emitters EventEmitter.prototype'],
  'http.Agent.prototype': ['resources http.Agent.prototype'],
  'Readable.prototype': ['resources stream.Readable.prototype'],
  setTimeout: ['timers setTimeout'],
  'setInterval accessor': ['timers setInterval'],
};

for (const [what, expected] of Object.entries(OFF)) {
  test(`${what} cannot be patched: it is off with a reason, the rest is tracked, and all is as before after stop()`, () => {
    const { off, reasons, changed, tracks, left } = child(what);
    assert.deepEqual(off, expected);
    for (const reason of reasons) assert.match(reason, /^\w+ (cannot be replaced: |is an accessor)/);
    // Of a part all is patched, or none.
    const parts = {
      'emitters EventEmitter.prototype': ['EventEmitter.prototype.on', 'EventEmitter.prototype.addListener'],
      'timers setTimeout': ['timers.setTimeout'],
      'timers setInterval': ['timers.setInterval'],
    };
    for (const [part, names] of Object.entries(parts))
      for (const name of names) assert.equal(changed.includes(name), !off.includes(part), name);
    assert.equal(tracks, true);
    assert.deepEqual(left, []);
  });
}

test('a watch that tracks says what it cannot track', () => {
  const { notes, left } = child('AbortSignal', 'watch');
  assert.ok(
    notes.some((note) => /eventTargets.*AbortSignal\.any.*frozen/.test(note)),
    String(notes),
  );
  assert.deepEqual(left, []);
});

const counts = ({ emitters, eventTargets }) =>
  [...emitters, ...eventTargets].map(({ name, events }) => [name, events[0].count]);

test('stop ends the tracking of the emitters and targets that trackAll found', () => {
  const kept = [new EventEmitter(), new EventEmitter()];
  const target = new EventTarget();
  const own = trackEmitter(kept[1], { name: 'by itself' });
  const tracker = trackAll({ emitters: true, eventTargets: true });
  for (let i = 0; i < 9; i++) {
    for (const emitter of kept) emitter.on('x', () => i);
    target.addEventListener('x', () => i);
  }
  observe();
  assert.deepEqual(
    counts(tracked()).toSorted(),
    [
      ['by itself', 9],
      [null, 9],
      [null, 9],
    ].toSorted(),
  );
  tracker.stop();
  assert.deepEqual(counts(tracked()), [['by itself', 9]]);
  for (const emitter of kept) emitter.on('x', () => {});
  target.addEventListener('x', () => {});
  observe();
  assert.deepEqual(counts(tracked()), [['by itself', 10]]);
  assert.deepEqual(
    JSON.parse(trackCounts()).map(({ name }) => name),
    ['by itself: x'],
  );
  own.stop();
  assert.deepEqual(counts(tracked()), []);
  assert.deepEqual(JSON.parse(trackCounts()), []);
  assert.equal(kept.length, 2);
});

test('a stop after the prototype was frozen leaves wrappers that forward, and the next start uses them', () => {
  assert.deepEqual(child('frozen later'), { added: [10, 11], off: [], throws: [] });
});

test('two trackers of all: the patches last until both have stopped', () => {
  const before = [EventEmitter.prototype.on, globalThis.setTimeout, timers.setTimeout, http.Agent.prototype.addRequest];
  const now = () => [
    EventEmitter.prototype.on,
    globalThis.setTimeout,
    timers.setTimeout,
    http.Agent.prototype.addRequest,
  ];
  const [first, second] = [trackAll(), trackAll()];
  first.stop();
  assert.ok(now().every((each, i) => each !== before[i]));
  second.stop();
  assert.deepEqual(now(), before);
});
