'use strict';
// Makes a part of the process unpatchable, tracks everything, and prints what is off, what was patched and what is left.
const { EventEmitter } = require('node:events');
const http = require('node:http');
// Node makes an agent while it is loaded.
require('node:https');
const { Readable } = require('node:stream');
const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const plimsoll = require('../../..');

const [what, how] = process.argv.slice(2);

const unwritable = (owner, key) => Object.defineProperty(owner, key, { writable: false, configurable: false });
const SPOIL = {
  'AbortSignal': () => Object.freeze(AbortSignal),
  'EventTarget.prototype': () => Object.freeze(EventTarget.prototype),
  'EventEmitter.prototype.prependListener': () => unwritable(EventEmitter.prototype, 'prependListener'),
  'http.Agent.prototype': () => Object.freeze(http.Agent.prototype),
  'Readable.prototype': () => Object.freeze(Readable.prototype),
  'setTimeout': () => unwritable(globalThis, 'setTimeout'),
  'setInterval accessor': () => Object.defineProperty(globalThis, 'setInterval', { get: () => timers.setInterval, configurable: true }),
};

const places = () => ({
  'EventEmitter.prototype.on': EventEmitter.prototype.on,
  'EventEmitter.prototype.addListener': EventEmitter.prototype.addListener,
  'EventEmitter.prototype.prependListener': EventEmitter.prototype.prependListener,
  'EventTarget.prototype.addEventListener': EventTarget.prototype.addEventListener,
  'AbortSignal.any': AbortSignal.any,
  'http.Agent.prototype.addRequest': http.Agent.prototype.addRequest,
  'Readable.prototype.on': Readable.prototype.on,
  'fetch': globalThis.fetch,
  'setTimeout': globalThis.setTimeout,
  'setInterval': globalThis.setInterval,
  'timers.setTimeout': timers.setTimeout,
  'timers.setInterval': timers.setInterval,
  'timers/promises.setTimeout': timersPromises.setTimeout,
});

function difference(before) {
  const now = places();
  return Object.keys(before).filter((name) => before[name] !== now[name]);
}

function print(value) {
  process.stdout.write(JSON.stringify(value), () => process.exit());
}

function frozenLater() {
  const throws = [];
  const emitter = new EventEmitter();
  const tracker = plimsoll.trackAll({ emitters: true });
  const add = () => emitter.on('x', () => {});
  for (let i = 0; i < 8; i++) add();
  for (const method of ['on', 'addListener', 'prependListener']) unwritable(EventEmitter.prototype, method);
  process.on('warning', (warning) => throws.push(warning.message));
  tracker.stop();
  add();
  const again = plimsoll.trackAll({ emitters: true });
  const added = [];
  for (let i = 0; i < 2; i++) {
    add();
    added.push(again.report().emitters[0].events[0].count);
  }
  print({ added, off: again.off, throws });
}

function main() {
  if (what === 'frozen later') return frozenLater();
  SPOIL[what]();
  const before = places();
  if (how === 'watch') {
    const watcher = plimsoll.watch({ track: true, dir: require('node:os').tmpdir() });
    const { notes } = watcher.stats();
    watcher.stop();
    return print({ notes, left: difference(before) });
  }
  const tracker = plimsoll.trackAll();
  const changed = difference(before);
  const { off } = tracker;
  plimsoll.trackPromises().stop();
  const report = tracker.report();
  tracker.stop();
  return print({
    off: off.map(({ kind, part }) => `${kind} ${part}`),
    reasons: off.map(({ reason }) => reason),
    changed,
    tracks: report.promises !== null && report.timers !== null && report.off.length === off.length,
    left: difference(before),
  });
}

main();
