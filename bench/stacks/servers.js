'use strict';
// The servers of the stacks, and what asks them: for cost.js and share.js.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { pathToFileURL } = require('node:url');
const { stop, behindNginx } = require('../../__test__/stacks/host.js');

const SERVICES = path.join(__dirname, '../../__test__/stacks/services');
const REGISTER = pathToFileURL(path.join(__dirname, '../../register.js')).href;
/** What autocannon asks of a stack; the others have clients of their own. */
const REQUESTS = {
  'health-metrics': [{ path: '/orders' }, { path: '/health' }],
  'nest-request-scope': [{ path: '/orders/1', headers: { 'x-user': 'user-1' } }],
  'fastify-pg': [{ path: '/items/1' }],
  'socket-io': undefined,
  'ws-nginx': undefined,
  'graphql-dataloader': [
    {
      path: '/graphql',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: 'query ($id: ID!) { user(id: $id) { name bio } }', variables: { id: '1' } }),
    },
  ],
  'next-route': Array.from({ length: 100 }, (_, id) => ({ path: `/api/items/${id}` })),
  'bullmq-listener': [{ path: '/user-1' }],
  'outbound-agents': [{ path: '/rates/1' }],
  'aborted-streams': [{ path: '/20/export-1' }],
  'native-gzip': [{ path: '/feed-1' }],
  lambda: [{ path: '/invoke', method: 'POST', body: JSON.stringify({ order: 1, lines: 20 }) }],
};

/** A command in front of another, which keeps it on a processor. */
const onCore = (core) => (os.availableParallelism() > 1 ? ['taskset', '-c', String(core)] : []);

/** A server of a stack. `has`: whether plimsoll is loaded in it; `flags`: of Node; `env`: what else it gets. */
async function startServer({ name, has, ports, work, flags = [], env = {} }) {
  fs.mkdirSync(work, { recursive: true });
  const preload = has ? [...flags, '--import', REGISTER] : flags;
  const [command, ...args] = [...onCore(0), process.execPath, ...preload, path.join(SERVICES, 'service.js'), name];
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', fs.openSync(path.join(work, 'stderr'), 'w')],
    env: {
      ...process.env,
      ...ports,
      LEAK: '0',
      NODE_ENV: 'production',
      PLIMSOLL_DIR: work,
      AWAKE_MS: '1000000000',
      ...env,
    },
  });
  let printed = '';
  for await (const data of child.stdout.iterator({ destroyOnReturn: false })) {
    printed += data;
    if (/^port \d+$/m.test(printed)) break;
  }
  child.stdout.resume();
  const own = Number(/^port (\d+)$/m.exec(printed)?.[1]);
  const stack = require(path.join(SERVICES, `${name}.js`));
  const port = stack.proxied ? await behindNginx(path.join(work, 'proxy'), own) : own;
  return { name, child, port, work, stack };
}

async function endServer({ child, stack, work }) {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  if (stack.proxied) stop(path.join(work, 'proxy'));
}

/** So many requests, or so many seconds. @returns {Promise<number[]>} what each took, ms */
const ask = (server, end, connections) =>
  REQUESTS[server.name] === undefined ? byClients(server, end, connections) : byAutocannon(server, end, connections);

async function byAutocannon({ name, port }, { amount, seconds }, connections) {
  const latencies = [];
  const options = { url: `http://127.0.0.1:${port}`, connections, requests: REQUESTS[name] };
  const run = require('autocannon')({ ...options, ...(amount ? { amount } : { duration: seconds }) });
  run.on('response', (client, status, bytes, ms) => latencies.push(ms));
  const { errors, non2xx } = await run;
  if (errors + non2xx > 0) throw new Error(`${name}: ${errors} errors, ${non2xx} answers that are not 2xx`);
  return latencies;
}

async function byClients({ port, stack }, { amount = Infinity, seconds = Infinity }, connections) {
  const latencies = [];
  const end = performance.now() + seconds * 1000;
  let i = 0;
  const client = async () => {
    while (i < amount && performance.now() < end) {
      const begun = performance.now();
      await stack.request({ port, i: i++ });
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  return latencies;
}

module.exports = { SERVICES, REQUESTS, onCore, startServer, endServer, ask };
