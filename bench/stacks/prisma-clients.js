'use strict';
// What a PrismaClient for each request (engineType "client", driver adapter of pg) leaves behind: the live heap after
// so many clients that made one query each, with what happens to a client afterwards. Needs __test__/stacks installed.
//
//   node --expose-gc bench/stacks/prisma-clients.js [--clients 2000] [--steps 4]

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { setTimeout: wait } = require('node:timers/promises');
const { startServers, stop } = require('../../__test__/stacks/host.js');

const SERVICES = path.join(__dirname, '../../__test__/stacks/services');
/** Clients that work at once. */
const AT_ONCE = 10;
/** Longer than the connections of a client that nothing closes stay open. */
const IDLE_MS = 100;

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '4' },
    measure: { type: 'string' },
  },
});

const kept = new Map();
/** What happens to a client after its query. */
const AFTERWARDS = {
  'nothing keeps it': () => {},
  '$disconnect, nothing keeps it': (client) => client.$disconnect(),
  'kept in a Map': (client, n) => kept.set(`tenant ${n}`, client),
  '$disconnect, kept in a Map': async (client, n) => {
    await client.$disconnect();
    kept.set(`tenant ${n}`, client);
  },
};

/** MB, when the connections that nothing closed are closed. */
async function liveHeap() {
  await wait(2 * IDLE_MS);
  for (let n = 0; n < 3; n++) globalThis.gc();
  return (process.memoryUsage().heapUsed / 2 ** 20).toFixed(1);
}

/** One process for each: prints the live heap after each step, MB. */
async function measure(name) {
  const { createRequire } = require('node:module');
  const { PrismaPg } = createRequire(path.join(SERVICES, 'service.js'))('@prisma/adapter-pg');
  const { PrismaClient } = require(path.join(SERVICES, 'production/client'));
  const connectionString = process.env.DATABASE_URL;
  const one = async (n) => {
    const adapter = new PrismaPg({ connectionString, max: 1, idleTimeoutMillis: IDLE_MS });
    const client = new PrismaClient({ adapter });
    await client.item.findUnique({ where: { id: n % 1000 } });
    await AFTERWARDS[name](client, n);
  };
  await one(0);
  const live = [await liveHeap()];
  const each = Number(values.clients) / Number(values.steps);
  for (let step = 0; step < Number(values.steps); step++) {
    for (let n = 0; n < each; n += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => one(step * each + n + at)));
    }
    live.push(await liveHeap());
  }
  process.stdout.write(`| ${name} | ${live.join(' | ')} |\n`);
}

function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-clients-'));
  fs.chmodSync(dir, 0o711); // PostgreSQL runs as a user of its own
  const servers = path.join(dir, 'servers');
  const ports = startServers(servers);
  try {
    require('../../__test__/stacks/production.js').prepare({ dir, ports });
    const DATABASE_URL = `postgresql://plimsoll@127.0.0.1:${ports.PGPORT}/postgres`;
    for (const name of Object.keys(AFTERWARDS)) {
      const args = ['--expose-gc', __filename, '--measure', name, '--clients', values.clients, '--steps', values.steps];
      spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, DATABASE_URL } });
    }
  } finally {
    stop(servers);
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

if (values.measure === undefined) main();
else void measure(values.measure);
