'use strict';
// A snapshot made of a heap image beside one in process: pause, time, memory, file size, in one run.
//   node bench/snapshot/run.js [--heap 100] [--entry 115] [--rounds 3] [--nice 0] [--headroom 24] [NODE ...]
// ENTRY: bytes of one of the objects that fill the heap, with its text. What V8 needs goes by their number.
// NODE: paths of Node binaries; the running one unless given. Both must describe the same heap
// (node counts within 1 %) before they are compared; ratios are medians of interleaved rounds.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    heap: { type: 'string', default: '100' },
    entry: { type: 'string', default: '115' },
    rounds: { type: 'string', default: '3' },
    nice: { type: 'string', default: '0' },
    headroom: { type: 'string' },
  },
});

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

async function measure(execPath, method) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-bench-'));
  const execArgv = ['--expose-gc', '--max-old-space-size=8192'];
  const service = fork(path.join(__dirname, 'service.js'), [dir, method, JSON.stringify(values)], {
    execPath,
    execArgv,
  });
  const [result] = await Promise.race([
    once(service, 'message'),
    once(service, 'exit').then(([code]) => Promise.reject(new Error(`the service ended with ${code}`))),
  ]);
  service.disconnect();
  fs.rmSync(dir, { recursive: true });
  return result;
}

async function compare(execPath) {
  const rounds = [];
  for (let i = 0; i < Number(values.rounds); i++) {
    const forked = await measure(execPath, 'fork');
    const here = await measure(execPath, 'in-process');
    if (Math.abs(forked.nodes - here.nodes) > here.nodes / 100)
      throw new Error(`${forked.nodes} nodes of an image, ${here.nodes} in process`);
    rounds.push({ forked, here });
  }
  const ratio = (of) => median(rounds.map(of)).toFixed(2);
  console.table({
    [execPath]: {
      'heap MB': Math.round(rounds[0].here.heap / 2 ** 20),
      nodes: rounds[0].here.nodes,
      'pause: in process / image': ratio(({ forked, here }) => here.pauseMs / forked.pauseMs),
      'longest turn: in process / image': ratio(({ forked, here }) => here.longest / forked.longest),
      'whole call: image / in process': ratio(({ forked, here }) => forked.ms / here.ms),
      'service grows, image (x heap)': ratio(({ forked }) => forked.grown / forked.heap),
      'service grows, in process (x heap)': ratio(({ here }) => here.grown / here.heap),
      'converter (x committed heap)': ratio(({ forked }) => forked.converter / forked.total),
      'file: image / in process': ratio(({ forked, here }) => forked.bytes / here.bytes),
      'file (x heap)': ratio(({ here }) => here.bytes / here.heap),
    },
  });
}

async function main() {
  for (const execPath of positionals.length > 0 ? positionals : [process.execPath]) await compare(execPath);
}

void main();
