'use strict';
// Small services, each with one habit: `node processes.js NAME leak|ok`. They run until killed.
const { Readable, PassThrough } = require('node:stream');
const { EventEmitter } = require('node:events');
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const crypto = require('node:crypto');
const http = require('node:http');
const net = require('node:net');
const tls = require('node:tls');
const zlib = require('node:zlib');

/** Calls `step(i)` `rate` times a second, spread evenly, in bursts of 20 ms. */
function each(rate, step) {
  const begun = Date.now();
  let i = 0;
  setInterval(() => {
    for (const due = ((Date.now() - begun) / 1000) * rate; i < due;) step(i++);
  }, 20);
}

const text = (i, length) => `${i}:`.padEnd(length, String.fromCharCode(97 + (i % 26)));
/** An array of `length` times the value. */
const many = (length, value) => Array.from({ length }, () => value);
const record = (i) => ({ id: i, name: `user ${i}`, roles: ['a', 'b', String(i)], body: text(i, 400) });

/** So many requests may be under way: on a busy machine a client that does not wait would be a leak. */
const UNDER_WAY = 64;

/** A server and a client of its own that asks it `rate` times a second, or as often as it can. */
function service(rate, handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1', () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    const { port } = server.address();
    let underWay = 0;
    each(rate, (i) => {
      if (underWay >= UNDER_WAY) return;
      underWay++;
      http.get({ port, agent, path: `/${i}` }, (response) => response.resume().on('close', () => underWay--));
    });
  });
  return server;
}

const leak = {
  closure() {
    const handlers = [];
    each(400, (i) => {
      const big = many(300, i);
      handlers.push(() => big.length);
    });
  },
  listeners() {
    const bus = new EventEmitter().setMaxListeners(0);
    let i = 0;
    service(300, (request, response) => {
      const session = record(i++);
      bus.on('config', () => session.id + many(400, session).length);
      session.history = many(400, request.url);
      response.end('ok');
    });
  },
  map() {
    const sessions = new Map();
    let i = 0;
    service(400, (request, response) => {
      sessions.set(`s${i}`, { ...record(i), seen: many(200, i++) });
      response.end('ok');
    });
  },
  timers() {
    each(500, (i) => {
      const job = { ...record(i), data: many(150, i) };
      setInterval(() => job.id, 3_600_000);
    });
  },
  array() {
    const log = [];
    each(3000, (i) => log.push({ at: Date.now(), line: text(i, 300) + Math.random() }));
  },
  promises() {
    const never = new Promise(() => {});
    async function wait(context) {
      await never;
      return context.data;
    }
    each(600, (i) => void wait({ id: i, data: many(180, i) }));
  },
  buffers() {
    const uploads = [];
    each(100, (i) => uploads.push(Buffer.alloc(16_384, i)));
  },
  streams() {
    const open = new Set();
    each(200, (i) => {
      const through = new PassThrough({ objectMode: true });
      open.add(through);
      Readable.from([{ ...record(i), row: many(400, i) }]).pipe(through);
    });
  },
  sockets() {
    const idle = [];
    const server = net
      .createServer((socket) => socket.on('data', () => {}))
      .listen(0, '127.0.0.1', () => {
        each(12, (i) => {
          const socket = net.connect(server.address().port, '127.0.0.1');
          socket.context = { log: many(12_000, i) };
          idle.push(socket);
        });
      });
  },
  wasm() {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 65_536 });
    each(2, () => {
      const end = memory.grow(16) * 65_536;
      new Uint8Array(memory.buffer, end).fill(1);
    });
  },
  native() {
    const contexts = [];
    each(110, () => contexts.push(tls.createSecureContext({ ciphers: 'ALL' })));
  },
  worker() {
    const cache = new Map();
    each(2000, (i) => cache.set(i, record(i)));
  },
};

const ok = {
  'http-plain': () =>
    void service(800, (request, response) => response.end(JSON.stringify(record(request.url.length)))),
  'json-churn': () => each(60, (i) => JSON.parse(JSON.stringify(Array.from({ length: 200 }, (_, k) => record(i + k))))),
  'buffer-churn': () => each(200, (i) => crypto.createHash('sha1').update(Buffer.alloc(100_000, i)).digest()),
  'lru-churn'() {
    const lru = new Map();
    each(4000, (i) => {
      if (lru.size >= 5000) lru.delete(lru.keys().next().value);
      lru.set(`k${i}`, record(i));
    });
  },
  burst() {
    const held = [];
    each(100, (i) => {
      const burst = Math.floor(i / 100) % 20 < 4;
      if (burst) for (let k = 0; k < 40; k++) held.push(record(k));
      else held.length = 0;
    });
  },
  worker: () => each(2000, (i) => JSON.parse(JSON.stringify(record(i)))),
  'crypto-zlib': () =>
    each(60, (i) => zlib.gzip(text(i, 60_000), (error, packed) => error ?? zlib.gunzip(packed, () => {}))),
  batch() {
    setInterval(() => {
      const rows = [];
      for (let i = 0; i < 40_000; i++) rows.push(record(i));
      rows.sort((a, b) => b.id - a.id);
    }, 7000);
  },
  'warm-jit'() {
    const loaded = [];
    let done = 0;
    each(50, (i) => {
      const want = 1 + 3000 * (1 - Math.exp(-i / 400));
      for (; done < want; done++)
        loaded.push(new Function('a', `const t = "${text(done, 900)}"; return a + t.length + ${done};`));
      loaded[i % loaded.length](i);
    });
  },
  strings() {
    let joined = '';
    each(3000, (i) => {
      joined += text(i, 200);
      if (joined.length > 4_000_000) joined = '';
    });
  },
};

/** The program of that name; of `worker` in a thread of its own. */
function start(name, kind) {
  const program = { leak, ok }[kind]?.[name];
  if (program === undefined) throw new TypeError(`no such program: ${name} ${kind}`);
  return name === 'worker' && isMainThread ? new Worker(__filename, { workerData: [name, kind] }) : program();
}

if (!isMainThread) start(...workerData);
else if (require.main === module) start(...process.argv.slice(2));

module.exports = { leak, ok, service, many, record, text };
