'use strict';
// A cache that fills evenly to its bound and is then churned: `fill.js bounded` with one of ours, `fill.js lru` with a
// Map that deletes its oldest. Prints what the watch said as it went: {said, states, names, full}.
const { watch, BoundedMap } = require('../../index.js');

const MAX = 60_000;
const SECONDS = 6;
const MOST_AT_ONCE = 500;

class Lru extends Map {
  set(key, value) {
    if (this.size >= MAX) this.delete(this.keys().next().value);
    return super.set(key, value);
  }
}

const cache = process.argv[2] === 'bounded' ? new BoundedMap({ max: MAX, name: 'sessions' }) : new Lru();
const watcher = watch({ interval: 50, window: 2000, snapshotOn: [], report: [] });
const said = [];
const states = new Set();
const names = new Set();
let full = 0;
let i = 0;
for (const event of ['suspect', 'leak', 'recovered']) watcher.on(event, ({ channel }) => said.push(`${event} ${channel}`));

const begun = Date.now();
const timer = setInterval(() => {
  // A machine that is behind fills more slowly, and does not fall behind for good.
  const due = Math.min(((Date.now() - begun) / 1000 / SECONDS) * MAX, i + MOST_AT_ONCE);
  for (; i < due; i++) cache.set(`k${i}`, { id: i, body: Array.from({ length: 60 }, () => i) });
  const { verdict } = watcher.stats();
  states.add(verdict.state);
  if (verdict.state === 'filling') names.add(verdict.cache?.name);
  if (full === 0 && cache.size >= MAX) full = Date.now();
  // The verdict is read at once, the event comes with the next tick.
  const isReported = said.length === 0 || said.at(-1).startsWith('recovered');
  const settled = full > 0 && Date.now() - full > 2000 && verdict.state === 'steady' && isReported;
  if (!settled && Date.now() - begun < 100_000) return;
  clearInterval(timer);
  watcher.stop();
  process.stdout.write(JSON.stringify({ said, states: [...states], names: [...names], full: full > 0, last: verdict.state }));
}, 20);
