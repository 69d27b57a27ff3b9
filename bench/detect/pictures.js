'use strict';
// The pictures of docs/detection.md: each state as a real process shows it. `node bench/detect/pictures.js [STATE...]` runs
// a small program for each, watched with a window of some seconds, and writes docs/pictures/STATE.svg.
//
// Grey: what is read between collections. Line: the floor. Below: the verdict over time.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { BoundedMap, watch } = require('../../index.js');

/** A thread that frees all but the last of what it has allocated in its arena (keys' bytes, which V8 does not count), and lives on. */
const FREES = `
  const { createSecretKey } = require('node:crypto');
  require('node:v8').setFlagsFromString('--expose-gc');
  const collect = require('node:vm').runInNewContext('gc');
  let keys = Array.from({ length: 300 }, () => createSecretKey(Buffer.alloc(100_000)));
  const last = createSecretKey(Buffer.alloc(40));
  keys = null;
  collect();
  setInterval(() => last, 1000);`;

const WINDOW = 5000;
const EVERY = 100; // ms
const OUT = path.join(__dirname, '../../docs/pictures');

/** About a kilobyte. */
const record = (i) => ({ id: i, body: Array.from({ length: 118 }, () => i) });
const churn = (n) => {
  for (let i = 0; i < n; i++) record(i);
};

/** Programs: `step(t)` is called every 20 ms with the seconds since the start. @type {Record<string, {seconds: number, channel?: string, limit?: number, step: () => (t: number) => void}>} */
const PROGRAMS = {
  'too-early': {
    seconds: 4.8,
    step: () => keep((t) => 12_000 + 1500 * t),
  },
  steady: {
    seconds: 15,
    step() {
      const held = Array.from({ length: 15_000 }, (_, i) => record(i));
      return () => {
        for (let i = 0; i < 100; i++) held[Math.floor(Math.random() * held.length)] = record(i);
        churn(500);
      };
    },
  },
  warming: {
    seconds: 20,
    step: () => keep((t) => 25_000 * (1 - Math.exp(-t / 5))),
  },
  'follows-load': {
    seconds: 12.5,
    step() {
      const open = [];
      let before = 0;
      let rate = 12_000;
      return (t) => {
        // What a starved machine does not do is not held either: sessions follow the requests that were served.
        const served = Math.round(40_000 * (0.3 + Math.min(t / 12, 1)) * Math.min(t - before, 0.1));
        churn(served);
        rate += (served / Math.max(t - before, 0.001) - rate) * Math.min((t - before) / 0.5, 1);
        while (open.length < 14_000 + 0.65 * rate) open.push(record(open.length));
        before = t;
      };
    },
  },
  slow: {
    seconds: 12,
    step: () => keep((t) => 8000 + 550 * t),
  },
  filling: {
    seconds: 14,
    step() {
      const sessions = new BoundedMap({ max: 60_000, name: 'sessions' });
      let i = 0;
      return (t) => {
        for (; i < t * 7000; i++) sessions.set(i, record(i));
        churn(300);
      };
    },
  },
  suspect: {
    seconds: 26,
    step: () => keep((t) => 8000 + Math.min(t, 9) * 1600),
  },
  fragmentation: {
    seconds: 14,
    channel: 'native',
    limit: 2 ** 30,
    step() {
      const threads = [];
      return (t) => {
        // On one processor glibc has eight arenas.
        while (threads.length < Math.min(t / 1.8, 7)) threads.push(new Worker(FREES, { eval: true }));
        churn(100);
      };
    },
  },
  leak: {
    seconds: 18,
    step: () => keep((t) => 8000 + 4000 * t),
  },
};

/** Holds `wanted(t)` records at the time t, beside some garbage. */
function keep(wanted) {
  const held = [];
  return (t) => {
    while (held.length < wanted(t)) held.push(record(held.length));
    churn(500);
  };
}

async function child(state) {
  const { seconds, channel = 'heap', limit = 256 * 2 ** 20, step } = PROGRAMS[state];
  const watcher = watch({ interval: EVERY, window: WINDOW, limit, snapshotOn: [], report: [] });
  const next = step();
  const begun = performance.now();
  const samples = [];
  for (let t = 0; t < seconds; t = (performance.now() - begun) / 1000) {
    next(t);
    const { memory, verdict } = watcher.stats();
    const value = channel === 'heap' ? memory.heapUsed : memory[channel];
    const own = verdict.channels.find((each) => each.channel === channel);
    if (samples.length * EVERY <= t * 1000) samples.push([Math.round(t * 1000), value, own.state]);
    await delay(20);
  }
  const floor = watcher.stats().series[channel].map(({ t, min }) => [t, min]);
  process.stdout.write(JSON.stringify({ samples, floor }), () => process.exit(0));
}

const [WIDTH, HEIGHT] = [560, 130];
const BAND = 18;
const COLOUR = {
  'too-early': '#d5d9de',
  steady: '#9fd3ae',
  warming: '#b9d7f5',
  'follows-load': '#b9d7f5',
  filling: '#b9d7f5',
  slow: '#f3dfb0',
  fragmentation: '#f0c98a',
  suspect: '#f2b25c',
  leak: '#e07a72',
};

/** @param {{samples: [number, number, string][], floor: [number, number][]}} seen @param {string} title */
function draw({ samples, floor }, title) {
  const to = samples.at(-1)[0];
  const top = Math.max(...samples.map(([, value]) => value)) * 1.05;
  const x = (t) => Math.round((Math.min(t, to) / to) * WIDTH * 10) / 10;
  const y = (value) => Math.round((1 - value / top) * (HEIGHT - BAND - 4) * 10) / 10;
  const line = (pairs) => pairs.map(([t, value], at) => `${at === 0 ? 'M' : 'L'}${x(t)} ${y(value)}`).join('');
  const spans = [];
  for (const [t, , state] of samples) {
    if (spans.at(-1)?.state !== state) spans.push({ state, from: t });
    spans.at(-1).to = t;
  }
  const bands = spans.map(({ state, from }, at) => {
    const end = spans[at + 1]?.from ?? to;
    const width = x(end) - x(from);
    const text = width > 7 * state.length ? `<text x="${x(from) + 4}" y="${HEIGHT - 5}">${state}</text>` : '';
    return `<rect x="${x(from)}" y="${HEIGHT - BAND}" width="${Math.max(width, 0).toFixed(1)}" height="${BAND}" fill="${COLOUR[state]}"/>${text}`;
  });
  const scale = `<text x="4" y="12" fill="#57606a">${(top / 1e6).toFixed(0)} MB, ${(to / 1000).toFixed(0)} s</text>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${title}" font-family="sans-serif" font-size="11" fill="#1f2328"><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<path d="${line(samples)}" fill="none" stroke="#c4cad1"/>
<path d="${line(floor)}" fill="none" stroke="#0b62b0" stroke-width="2"/>
${bands.join('')}${scale}</svg>
`;
}

function main(states) {
  fs.mkdirSync(OUT, { recursive: true });
  for (const state of states) {
    const seen = JSON.parse(
      execFileSync(process.execPath, ['--max-old-space-size=200', __filename, '--child', state], {
        encoding: 'utf8',
        maxBuffer: 2 ** 24,
      }),
    );
    const said = [...new Set(seen.samples.map((sample) => sample[2]))];
    fs.writeFileSync(
      path.join(OUT, `${state}.svg`),
      draw(seen, `${state}: what a process showed, and the verdict over time (${said.join(', ')})`),
    );
    console.log(`${state}: ${said.join(', ')}`);
  }
}

const args = process.argv.slice(2);
if (args[0] === '--child') child(args[1]);
else main(args.length > 0 ? args : Object.keys(PROGRAMS));
