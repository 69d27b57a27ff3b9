'use strict';
// Computations of many keys, two callers for each key, that settle in one turn of the event loop: SharedCache's
// getOrCompute beside a Map of promises whose callers get a copy each, as ours do.
//   node bench/shared/settle.js [keys] [rounds]
//
// Two phases are timed: the calls, and all that follows the turn in which they settle. Each has two rows: the time that
// the event loop is stopped, and the CPU time of all threads, the collector's included. Rounds are interleaved; a figure
// is the median of the rounds, a ratio that of the rounds' ratios. The second group of rows has twice as many keys: a
// cost that is linear doubles.

const { SharedCache } = require('../..');
const { median, ratios } = require('../cache/rounds.js');

const KEYS = Number(process.argv[2] ?? 8000);
const ROUNDS = Number(process.argv[3] ?? 15);
/** Rounds that are not counted. */
const WARM = 3;

class MapOfPromises {
  #values = new Map();
  #running = new Map();

  async getOrCompute(key, compute) {
    const held = this.#values.get(key);
    if (held !== undefined) return Buffer.from(held);
    if (!this.#running.has(key)) this.#running.set(key, this.#run(key, compute));
    return Buffer.from(await this.#running.get(key));
  }

  async #run(key, compute) {
    try {
      const value = Buffer.from(await compute());
      this.#values.set(key, value);
      return value;
    } finally {
      this.#running.delete(key);
    }
  }
}

const SUBJECTS = {
  SharedCache: (round) => new SharedCache(`settle ${round}`, { maxBytes: 64 << 20 }),
  Map: () => new MapOfPromises(),
};

/** Times in ms since the call: `[wall, cpu]`. The loop has nothing to wait for, so it is stopped for the wall time. */
function timer() {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  return () => {
    const stopped = performance.now() - wall;
    const { user, system } = process.cpuUsage(cpu);
    return [stopped, (user + system) / 1000];
  };
}

async function measure(cache, keys) {
  const gate = withResolvers();
  const answers = [];
  const calling = timer();
  for (let i = 0; i < keys; i++) {
    const compute = () => gate.promise.then(() => `value ${i}`);
    for (let caller = 0; caller < 2; caller++) answers.push(cache.getOrCompute(`key ${i}`, compute));
  }
  const called = calling();
  const settling = timer();
  gate.resolve();
  const values = await Promise.all(answers);
  const settled = settling();
  if (values.some((value, at) => value.toString() !== `value ${at >> 1}`))
    throw new Error('a caller got another value');
  return [called, settled];
}

function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => (resolve = settle));
  return { promise, resolve };
}

function show({ middle, low, high }, digits) {
  return `${middle.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}

async function compare(keys) {
  /** By name, phase and kind of time: the rounds. */
  const times = Object.fromEntries(
    Object.keys(SUBJECTS).map((name) => [
      name,
      [
        [[], []],
        [[], []],
      ],
    ]),
  );
  for (let round = -WARM; round < ROUNDS; round++) {
    for (const [name, make] of Object.entries(SUBJECTS)) {
      const phases = await measure(make(`${keys} ${round}`), keys);
      if (round < 0) continue;
      phases.forEach((measured, phase) => measured.forEach((time, at) => times[name][phase][at].push(time)));
    }
  }
  for (const [phase, of] of ['call', 'settle'].entries()) {
    for (const [at, what] of ['stopped', 'CPU'].entries()) {
      const [ours, map] = [times.SharedCache[phase][at], times.Map[phase][at]];
      console.log(
        `${String(keys).padStart(6)} keys, ${of.padEnd(6)} ${what.padEnd(7)}  ${show(median(ours), 0).padStart(16)} ms` +
          `  ${show(median(map), 0).padStart(16)} ms  ${show(median(ratios(ours, map)), 2)}`,
      );
    }
  }
}

async function main() {
  console.log('                                   SharedCache      Map of promises  ratio');
  await compare(KEYS);
  await compare(2 * KEYS);
}

void main();
