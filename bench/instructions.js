'use strict';
// What the guard costs a service in instructions for each request, which no other load on the machine changes: callgrind
// counts those of each thread (not the kernel's) while a server answers.
//
//   node bench/instructions.js [--server http|fastify] [--requests 20000] [--warm-up 40000] [--rounds 2]     takes valgrind
//
// The main thread is what requests wait for. What V8 compiles and collects beside it differs from run to run, which "all
// threads" shows. Ticks are over-represented: a request takes some twenty times as long here, a second does not. Without
// probes: valgrind's own memory grows as V8 compiles, and so would the suspicion.

const { spawn, execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { KeepAlive } = require('./keep-alive.js');
const SERVERS = require('./servers.js');

const CONNECTIONS = 5;
const { values } = parseArgs({
  options: {
    serve: { type: 'boolean' },
    watched: { type: 'boolean' },
    server: { type: 'string', default: 'http' },
    requests: { type: 'string', default: '20000' },
    'warm-up': { type: 'string', default: '40000' },
    rounds: { type: 'string', default: '2' },
  },
});

async function serve() {
  if (values.watched) require('..').watch({ snapshotOn: [], probeBudget: 0 });
  process.send(await SERVERS[values.server]());
  process.on('message', () => process.exit());
}

const ask = (connections, requests) =>
  Promise.all(
    connections.map(async (connection) => {
      for (let n = 0; n < requests / CONNECTIONS; n++) await connection.request();
    }),
  );

/** Instructions for each request: of the main thread, and of all. */
async function count(watched) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-bench-'));
  let service;
  try {
    const callgrind = [
      '--tool=callgrind',
      '--instr-atstart=no',
      '--separate-threads=yes',
      '--smc-check=all-non-file',
      `--callgrind-out-file=${dir}/out`,
    ];
    const args = [
      ...callgrind,
      process.execPath,
      __filename,
      '--serve',
      '--server',
      values.server,
      ...(watched ? ['--watched'] : []),
    ];
    service = spawn('valgrind', args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
    const ended = once(service, 'exit');
    const [port] = await Promise.race([
      once(service, 'message'),
      ended.then(() => Promise.reject(new Error('the server ended; is valgrind installed?'))),
    ]);
    const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => KeepAlive.connect(port)));
    await ask(connections, Number(values['warm-up']));
    const counting = (on) => execFileSync('callgrind_control', ['-i', on, String(service.pid)], { stdio: 'ignore' });
    counting('on');
    await ask(connections, Number(values.requests));
    counting('off');
    for (const connection of connections) connection.close();
    service.send('stop');
    await ended;
    const threads = fs.readdirSync(dir).filter((name) => /^out-\d+$/.test(name));
    const totals = threads
      .toSorted()
      .map((name) => Number(/^totals: (\d+)$/m.exec(fs.readFileSync(path.join(dir, name), 'utf8'))?.[1] ?? 0));
    const all = totals.reduce((sum, each) => sum + each, 0);
    return { main: totals[0] / Number(values.requests), all: all / Number(values.requests) };
  } finally {
    service?.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true });
  }
}

async function main() {
  for (let round = 1; round <= Number(values.rounds); round++) {
    const [without, guarded] = [await count(false), await count(true)];
    for (const [who, key] of [
      ['main thread', 'main'],
      ['all threads', 'all'],
    ]) {
      console.log(
        `${values.server}, round ${round}, ${who.padEnd(12)} ${Math.round(without[key])} instructions a request, with plimsoll ${Math.round(guarded[key])}: ${(guarded[key] / without[key]).toFixed(4)}`,
      );
    }
  }
}

if (!Object.hasOwn(SERVERS, values.server)) throw new Error('--server is http or fastify');
if (values.serve) serve();
else main();
