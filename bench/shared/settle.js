'use strict';
// Computations of many keys, two callers for each key, that settle in one turn of the event loop: SharedCache's
// getOrCompute beside a Map of promises whose callers get a copy each, as ours do.
//   node bench/shared/settle.js [keys] [rounds]
//
// Two phases are timed: the calls, and all that follows the turn in which they settle. Rounds are interleaved; a figure
// is the median of the rounds, a ratio that of the rounds' ratios. The second pair of rows has twice as many keys: a
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

/** CPU time in ms, collections included. */
function timer() {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
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
  const times = {};
  for (let round = -WARM; round < ROUNDS; round++) {
    for (const [name, make] of Object.entries(SUBJECTS)) {
      const [called, settled] = await measure(make(`${keys} ${round}`), keys);
      if (round < 0) continue;
      (times[`${name} call`] ??= []).push(called);
      (times[`${name} settle`] ??= []).push(settled);
    }
  }
  for (const phase of ['call', 'settle']) {
    const [ours, map] = [times[`SharedCache ${phase}`], times[`Map ${phase}`]];
    console.log(
      `${String(keys).padStart(6)} keys, ${phase.padEnd(6)}  ${show(median(ours), 0).padStart(16)} ms` +
        `  ${show(median(map), 0).padStart(16)} ms  ${show(median(ratios(ours, map)), 2)}`,
    );
  }
}

async function main() {
  console.log('                      SharedCache         Map of promises      ratio');
  await compare(KEYS);
  await compare(2 * KEYS);
}

void main();
