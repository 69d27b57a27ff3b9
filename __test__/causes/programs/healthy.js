'use strict';
// Programs that leak nothing.

const path = require('node:path');
const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

// ---------------------------------------------------------------------------------------- healthy
add('healthy: a full LRU that churns', `
    class $LRU {
      constructor(max) { this.max = max; this.$map = new Map(); }
      set(key, value) { if (this.$map.size >= this.max) this.$map.delete(this.$map.keys().next().value); this.$map.set(key, value); }
    }
    const $lru = new $LRU(100);
    drive((i) => { $lru.set('k' + i, ${record}); }, { warm: 150 });`, null);
add('healthy: warm-up and lazy require', `
    const $cache = new Map();
    drive((i) => {
      if (i === 60) require('node:crypto').createHash('sha256').update('x').digest('hex');
      if (i === 250) require('node:zlib').gzipSync('x');
      if (i === 400) require('node:querystring').parse('a=b');
      const key = 'k' + (i % 40);
      if (!$cache.has(key)) $cache.set(key, ${record});
    });`, null);
add('healthy: a pool', `
    class $Pool {
      constructor() { this.$free = []; }
      take() { return this.$free.pop() ?? { buffer: Buffer.alloc(1024) }; }
      give(item) { this.$free.push(item); }
    }
    const $pool = new $Pool();
    drive(async (i) => { const items = Array.from({ length: 1 + i % 7 }, () => $pool.take()); await null; items.forEach((item) => $pool.give(item)); });`, null);
add('healthy: time limits that wait for the collector, more of them as the load rises', `
    drive((i) => { for (let n = 0; n <= i / 50; n++) AbortSignal.timeout(60_000); }, { warm: 150 });`, null);
add('healthy: listeners, timers and promises that end', `
    const { EventEmitter, once } = require('node:events');
    const $bus = new EventEmitter();
    const $work = async (i) => {
      const state = ${record};
      const listener = () => state;
      $bus.on('$evt', listener);
      const timer = setInterval(listener, 1000);
      const controller = new AbortController();
      controller.signal.addEventListener('abort', listener);
      setImmediate(() => $bus.emit('$done', i));
      await once($bus, '$done');
      clearInterval(timer);
      $bus.off('$evt', listener);
    };
    drive($work);`, null);
add('healthy: JIT and growing code', `
    const $run = [];
    for (let k = 0; k < 40; k++) $run.push(new Function('x', 'let s = 0; for (let i = 0; i < 50; i++) s += (x * ' + k + ') ^ i; return s;'));
    drive((i) => { for (const f of $run.slice(0, 1 + i % 40)) f(i); });`, null);
add('healthy: ring buffer of requests, ES module', `
    const $ring = new Array(64).fill(null);
    let $at = 0;
    export const $record = (value) => { $ring[$at++ % 64] = value; };
    drive((i) => { $record(${record}); });`, null, 'esm');

// One for each cause: the same code, fixed.
const twin = (cause, files, kind) => add(`healthy twin: ${cause}`, files, null, kind);

twin('map', {
  '$lib.js': `
    export class $Store {
      $items = new Map();
      set(key, value) {
        this.$items.set(key, value);
        if (this.$items.size > 60) this.$items.delete(this.$items.keys().next().value);
      }
    }`,
  'main.js': `
    import { $Store } from './$lib.js';
    const $store = new $Store();
    drive((i) => { $store.set('k' + i, ${record}); }, { warm: 80 });`,
}, 'bundle');
twin('set', `
    class $Tracker {
      static $open = new Set();
      static async run(i) { const job = ${record}; $Tracker.$open.add(job); await null; $Tracker.$open.delete(job); }
    }
    drive((i) => $Tracker.run(i));`);
twin('object', `
    const $table = {};
    function $serve(i) {
      $table['k' + i] = ${record};
      delete $table['k' + (i - 40)];
    }
    drive((i) => { $serve(i); }, { warm: 80 });`);
twin('array', `
    class $Log {
      private readonly $lines: unknown[] = [];
      public write(line: unknown): void { this.$lines.push(line); if (this.$lines.length > 50) this.$lines.shift(); }
    }
    const $log: $Log = new $Log();
    declare function drive(step: (i: number) => void, options: { warm: number }): void;
    drive((i: number): void => { $log.write(${record}); }, { warm: 80 });`, 'typescript');
twin('global', `
    globalThis.$last = new Map();
    drive((i) => { globalThis.$last.set(i % 20, ${record}); }, { warm: 40 });`, 'esm');
twin('circular under a global', `
    globalThis.$tree = null;
    drive((i) => {
      const root = { data: ${record}, children: [] };
      for (let k = 0; k < 5; k++) root.children.push({ parent: root, siblings: root.children });
      globalThis.$tree = root;
    });`);
twin('AbortSignal', `
    const $stop = new AbortController();
    require('node:events').setMaxListeners(0, $stop.signal);
    drive(async (i) => {
      const state = ${record};
      const cancel = () => state;
      $stop.signal.addEventListener('abort', cancel);
      await null;
      $stop.signal.removeEventListener('abort', cancel);
    });`);
// A source that lives on is no twin: Node 20 itself keeps a WeakRef for each signal that any() made of it.
twin('AbortSignal.any', `
    drive(async (i) => {
      const state = ${record};
      const [request, deadline] = [new AbortController(), new AbortController()];
      AbortSignal.any([request.signal, deadline.signal]).addEventListener('abort', () => state, { once: true });
      deadline.abort();
      await null;
    });`, 'esm');
twin('timers', `
    class $Session {
      constructor(i) { this.state = ${record}; this.timer = setInterval(() => this.state, 60_000); }
      close() { clearInterval(this.timer); }
    }
    drive((i) => { new $Session(i).close(); });`);
twin('promises', `
    export async function $request(i) {
      const payload = ${record};
      const { promise, settle } = (() => { let settle; return { promise: new Promise((resolve) => { settle = resolve; }), settle }; })();
      setImmediate(settle);
      await Promise.race([promise, new Promise((resolve) => setImmediate(resolve, payload))]);
      return payload.id;
    }
    drive($request);`, 'esm');
twin('resolvers', `
    class $Client {
      constructor() { this.$waiting = new Map(); }
      call(i) {
        setImmediate(() => { this.$waiting.get(i).resolve(); this.$waiting.delete(i); });
        return new Promise((resolve, reject) => { this.$waiting.set(i, { resolve, reject, request: ${record} }); });
      }
    }
    const $client = new $Client();
    drive((i) => $client.call(i));`);
twin('AsyncLocalStorage', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $context = new AsyncLocalStorage();
    drive((i) => $context.run(${record}, async () => { await null; return $context.getStore().id; }));`);
twin('closure', `
    const $handlers = new Map();
    function $register(i) {
      const dataset = Array.from({ length: 200 }, (_, k) => i + k + 0.5);
      const { length } = dataset;
      $handlers.set(i % 10, () => length);
    }
    drive((i) => { $register(i); }, { warm: 40 });`);
twin('buffers', `
    class $Parser {
      constructor() { this.$heads = []; }
      feed(chunk) { this.$heads.push(Buffer.from(chunk.subarray(0, 8))); if (this.$heads.length > 20) this.$heads.shift(); }
    }
    const $parser = new $Parser();
    drive((i) => { $parser.feed(Buffer.alloc(65536, i)); }, { warm: 40 });`);
twin('streams', `
    import { PassThrough } from 'node:stream';
    const $tee = new PassThrough();
    $tee.resume();
    drive(async (i) => { $tee.write(${blob}); await new Promise((resolve) => setImmediate(resolve)); });`, 'esm');
twin('sockets', `
    const http = require('node:http');
    const $agent = new http.Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 2 });
    const server = http.createServer((req, res) => res.end('ok')).listen(0, '127.0.0.1', () => {
      server.keepAliveTimeout = 0;
      const { port } = server.address();
      drive(() => new Promise((resolve, reject) => {
        http.get({ port, host: '127.0.0.1', agent: $agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      }), { scale: 0.5 });
    });`);
twin('weak', `
    const $extra = new WeakMap();
    drive((i) => { const user = { i }; $extra.set(user, ${record}); return $extra.get(user).id; });`);
twin('a package in node_modules', {
  'node_modules/$pkg/package.json': `{ "name": "$pkg", "version": "3.1.5", "main": "lib/index.js" }`,
  'node_modules/$pkg/lib/index.js': `
    var $memo = new Map();
    module.exports = function $parse(text) {
      if (!$memo.has(text)) { $memo.set(text, { text: text, parts: text.split('') }); if ($memo.size > 30) $memo.delete($memo.keys().next().value); }
      return $memo.get(text);
    };`,
  'main.js': `
    const $parse = require('$pkg');
    drive((i) => { $parse('route/' + i + '/with/some/segments'); }, { warm: 60 });`,
});
// Source maps, of which it keeps eight.
add('healthy: what plimsoll keeps of what it watches', {
  'node_modules/plimsoll/package.json': JSON.stringify({ name: 'plimsoll', main: path.join(__dirname, '../../../index.js') }),
  'main.js': `
    const fs = require('node:fs');
    const { trackTimers, tracked, watch } = require('plimsoll');
    // A tick of the watch loads a module of plimsoll's. On a slow machine some would come between two snapshots.
    watch({ dir: __dirname, snapshotOn: [], postMortem: false, interval: 3_600_000, window: 24 * 3_600_000 });
    trackTimers();
    drive((i) => {
      if (i % 60 !== 0) return;
      const names = Array.from({ length: 2000 }, (_, k) => 'name' + i + '_' + k);
      fs.writeFileSync(__dirname + '/part' + i + '.map', JSON.stringify({ version: 3, sources: ['part.ts'], names, mappings: 'AAAA' }));
      fs.writeFileSync(__dirname + '/part' + i + '.js', 'module.exports = () => setTimeout(() => {}, 1000);\\n//# sourceMappingURL=part' + i + '.map');
      const timer = require('./part' + i + '.js')();
      tracked();
      clearTimeout(timer);
    });`,
}, null);

module.exports = programs;
