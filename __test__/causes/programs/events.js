'use strict';
// Listeners, signals, timers, promises and what is kept through them.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

// ------------------------------------------------------------------------------------- listeners
add('listeners: shared emitter', {
  '$bus.js': `
    const { EventEmitter } = require('node:events');
    exports.$bus = new EventEmitter().setMaxListeners(0);`,
  '$handler.js': `
    const { $bus } = require('./$bus.js');
    exports.$handle = function (i) {
      const context = ${record};
      $bus.on('$changed', () => context.id); //@
    };`,
  'main.js': `
    const { $handle } = require('./$handler.js');
    drive((i) => { $handle(i); });`,
}, { cause: ['listeners'], name: ['$changed'], file: '$handler.js', line: true, count: 300, adder: '$handle', advice: /: off\('/ });
add('listeners: added by what a module exports, a function without a name', {
  '$handler.js': `
    const { EventEmitter } = require('node:events');
    const $bus = new EventEmitter().setMaxListeners(0);
    module.exports = async (i) => {
      const request = ${record};
      $bus.on('$changed', () => request.id); //@
    };`,
  'main.js': `
    const $handle = require('./$handler.js');
    drive((i) => { $handle(i); });`,
}, { cause: ['listeners'], name: ['$changed'], file: '$handler.js', line: true, count: 300, adder: 'module.exports', advice: /: off\('/ });
add('listeners: process', `
    process.setMaxListeners(0);
    class $Watch {
      constructor(i) {
        this.state = ${blob};
        process.on('SIGUSR2', this.onSignal.bind(this)); //@
      }
      onSignal() { return this.state; }
    }
    drive((i) => { new $Watch(i); });`,
{ cause: ['listeners'], name: ['SIGUSR2'], line: true });
add('listeners: class field', `
    const EventEmitter = require('node:events');
    class $Model extends EventEmitter {
      constructor() { super(); this.setMaxListeners(0); }
    }
    class $App { constructor() { this.$model = new $Model(); } }
    const $app = new $App();
    function $view(i) {
      const data = ${record};
      $app.$model.on('$update', function $render() { return data; }); //@
    }
    drive((i) => { $view(i); });`,
{ cause: ['listeners'], name: ['$update'], line: true });
add('listeners: a function that is given by its name', `
    const EventEmitter = require('node:events');
    const $prices = new EventEmitter();
    $prices.setMaxListeners(0);
    function $follow(i) {
      const rows = ${record};
      function onPrice() {
        return rows;
      }
      onPrice();
      $prices.on('$price', onPrice); //@
    }
    drive((i) => { $follow(i); });`,
{ cause: ['listeners'], name: ['$price'], line: true, count: 300, adder: '$follow', advice: /: off\('/ });
add('listeners: a function in a property, which another method adds', `
    const EventEmitter = require('node:events');
    const $orders = new EventEmitter();
    $orders.setMaxListeners(0);
    class $View {
      constructor(i) {
        this.rows = ${record};
        this.$onOrder = () => this.rows;
      }
      $open() {
        $orders.on('$order', this.$onOrder); //@
      }
    }
    drive((i) => { new $View(i).$open(); });`,
{ cause: ['listeners'], name: ['$order'], line: true, count: 300, adder: '$open', advice: /: off\('/ });
add('listeners: ES module', `
    import { EventEmitter } from 'node:events';
    const $hub = new EventEmitter();
    $hub.setMaxListeners(0);
    export const $subscribe = (i) => {
      const payload = ${record};
      $hub.once('$ready', () => payload); //@
    };
    drive((i) => { $subscribe(i); });`,
{ cause: ['listeners'], name: ['$ready'], line: true }, 'esm');
add('listeners: EventTarget', `
    const $target = new EventTarget();
    require('node:events').setMaxListeners(0, $target);
    function $attach(i) {
      const data = ${record};
      $target.addEventListener('$tick', () => data); //@
    }
    drive((i) => { $attach(i); });`,
{ cause: ['listeners'], name: ['$tick'], line: true, count: 300, advice: /removeEventListener\('/ });
add('listeners: AbortSignal', `
    const $controller = new AbortController();
    require('node:events').setMaxListeners(0, $controller.signal);
    function $request(i, signal) {
      const state = ${record};
      signal.addEventListener('abort', () => state, { once: true }); //@
    }
    drive((i) => { $request(i, $controller.signal); });`,
{ cause: ['listeners'], name: ['abort'], line: true, count: 300, advice: /removeEventListener\('abort'/ });
add('listeners: AbortSignal.any', `
    const $shutdown = new AbortController();
    function $request(i) {
      const state = ${record};
      const signal = AbortSignal.any([$shutdown.signal, AbortSignal.timeout(3600_000)]);
      signal.addEventListener('abort', () => state); //@
    }
    drive((i) => { $request(i); });`,
{ cause: ['listeners'], name: ['abort'], line: true, count: 300, advice: /AbortSignal\.any/ });
add('listeners: bundle', {
  '$lib.js': `
    import { EventEmitter } from 'node:events';
    export const $emitter = new EventEmitter().setMaxListeners(0);
    export function $follow(i) {
      const memo = ${record};
      $emitter.on('$moved', () => memo); //@
    }`,
  'main.js': `
    import { $follow } from './$lib.js';
    drive((i) => { $follow(i); });`,
}, { cause: ['listeners'], name: ['$moved'], file: '$lib.js', line: true }, 'bundle');

// ---------------------------------------------------------------------------------------- timers
add('timers: interval', `
    function $poll(i) {
      const job = ${record};
      setInterval(() => job.id, 3_600_000).unref(); //@
    }
    drive((i) => { $poll(i); });`,
{ cause: ['timers'], name: ['setInterval in $poll'], line: true, count: 300, delay: 3_600_000 });
add('timers: class', `
    class $Session {
      constructor(i) {
        this.state = ${record};
        this.timer = setInterval(() => this.tick(), 600_000); //@
      }
      tick() { return this.state; }
    }
    drive((i) => { new $Session(i); });`,
{ cause: ['timers'], name: ['setInterval in $Session'], line: true, count: 300, delay: 600_000 });
add('timers: in a function without a name that a module exports', {
  '$watch.js': `
    module.exports = (i) => {
      const state = ${record};
      setInterval(() => state.id, 900_000).unref(); //@
    };`,
  'main.js': `
    const $watch = require('./$watch.js');
    drive((i) => { $watch(i); });`,
}, { cause: ['timers'], name: ['setInterval in $watch.js'], file: '$watch.js', line: true, count: 300, delay: 900_000 });
add('timers: timeout, ES module', `
    export function $later(i) {
      const message = ${record};
      setTimeout(function $send() { return message; }, 7_200_000); //@
    }
    drive((i) => { $later(i); });`,
{ cause: ['timers'], name: ['setTimeout($send)'], line: true, count: 300, delay: 7_200_000 }, 'esm');
add('timers: bundle', {
  '$lib.js': `
    export function $schedule(i) {
      const job = ${record};
      setTimeout(() => { job.done = true; }, 86_400_000); //@
    }`,
  'main.js': `
    import { $schedule } from './$lib.js';
    drive((i) => { $schedule(i); });`,
}, { cause: ['timers'], name: ['setTimeout in $schedule'], file: '$lib.js', line: true, count: 300, delay: 86_400_000 }, 'bundle');

// -------------------------------------------------------------------------------------- promises
add('promises: await on one that never settles', `
    const $never = new Promise(() => {}); //@
    async function $work(i) { //@
      const data = ${record};
      await $never;
      return data;
    }
    drive((i) => { $work(i); });`,
{ cause: ['promises'], name: ['$never', '$work'], line: true, countById: 300, advice: /settle it/ });
add('promises: race with a long-lived one', `
    const $closed = new Promise(() => {}); //@
    async function $request(i) {
      const answer = await Promise.race([$closed, Promise.resolve(${record})]);
      return answer.id;
    }
    drive((i) => $request(i));`,
{ cause: ['promises'], name: ['$closed'], line: true, countById: 300, advice: /settle it/ });
add('promises: resolvers kept', `
    class $Client {
      constructor() { this.$waiting = new Map(); } //@
      call(i) { return new Promise((resolve, reject) => { this.$waiting.set(i, { resolve, reject, request: ${record} }); }); }
    }
    const $client = new $Client();
    drive((i) => { $client.call(i); });`,
{ cause: ['promises', 'map'], name: ['$waiting'], line: true, count: 300, advice: /settle each/ });
add('promises: then on a shared one, ES module', `
    const $ready = new Promise(() => {}); //@
    export function $enqueue(i) {
      const item = ${record};
      $ready.then(() => item); //@
    }
    drive((i) => { $enqueue(i); });`,
{ cause: ['promises'], name: ['$ready', '$enqueue'], line: true }, 'esm');
add('promises: class field', `
    class $Gate {
      constructor() { this.$open = new Promise((resolve) => { this.release = resolve; }); } //@
      async pass(i) { const ticket = ${record}; await this.$open; return ticket; } //@
    }
    const $gate = new $Gate();
    drive((i) => { $gate.pass(i); });`,
{ cause: ['promises'], name: ['$open', 'pass'], line: true });

// ------------------------------------------------------------------------------ AsyncLocalStorage
add('AsyncLocalStorage: stores held by intervals', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $context = new AsyncLocalStorage();
    function $serve(i) {
      $context.run(${record}, () => { setInterval(() => $context.getStore(), 3_600_000); }); //@
    }
    drive((i) => { $serve(i); });`,
{ cause: ['timers'], name: ['setInterval in $serve'], line: true, count: 300, delay: 3_600_000 });
add('AsyncLocalStorage: a store that collects', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $als = new AsyncLocalStorage();
    const $root = { $spans: [] }; //@
    drive((i) => $als.run($root, async () => { await null; $als.getStore().$spans.push(${record}); }));`,
{ cause: ['array'], name: ['$spans'], line: true });

add('AsyncLocalStorage: class field, timeouts that keep the request', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    class $Tracer {
      constructor() { this.storage = new AsyncLocalStorage(); }
      trace(i) {
        this.storage.run({ request: ${record} }, () => {
          setTimeout(() => this.storage.getStore(), 7_200_000).unref(); //@
        });
      }
    }
    const $tracer = new $Tracer();
    drive((i) => { $tracer.trace(i); });`,
{ cause: ['timers'], name: ['setTimeout in trace'], line: true, count: 300, delay: 7_200_000 });
add('AsyncLocalStorage: promises that never settle, ES module', `
    import { AsyncLocalStorage } from 'node:async_hooks';
    const $scope = new AsyncLocalStorage();
    const $gate = new Promise(() => {}); //@
    async function $handle() { await $gate; return $scope.getStore(); } //@
    drive((i) => { $scope.run(${record}, $handle); });`,
{ cause: ['promises'], name: ['$gate', '$handle'], line: true }, 'esm');

// ------------------------------------------------------------------------- AbortSignal, its any()
add('AbortSignal: class field', `
    const { setMaxListeners } = require('node:events');
    class $Service {
      #stop = new AbortController();
      constructor() { setMaxListeners(0, this.#stop.signal); }
      call(i) {
        const request = ${record};
        this.#stop.signal.addEventListener('abort', function $cancel() { return request; }); //@
      }
    }
    const $service = new $Service();
    drive((i) => { $service.call(i); });`,
{ cause: ['listeners'], name: ['abort'], line: true });
add('AbortSignal: ES module', {
  '$shutdown.mjs': `
    import { setMaxListeners } from 'node:events';
    export const $shutdown = new AbortController();
    setMaxListeners(0, $shutdown.signal);`,
  'main.mjs': `
    import { $shutdown } from './$shutdown.mjs';
    const $fetchRow = (i) => {
      const row = ${record};
      $shutdown.signal.addEventListener('abort', () => row); //@
    };
    drive((i) => { $fetchRow(i); });`,
}, { cause: ['listeners'], name: ['abort'], line: true }, 'esm');
add('AbortSignal.any: class field', `
    class $Fetcher {
      constructor() { this.$root = new AbortController(); }
      load(i) {
        const answer = ${record};
        const own = new AbortController();
        AbortSignal.any([this.$root.signal, own.signal]).addEventListener('abort', () => answer); //@
      }
    }
    const $fetcher = new $Fetcher();
    drive((i) => { $fetcher.load(i); });`,
{ cause: ['listeners'], name: ['abort'], line: true, count: 300, advice: /AbortSignal\.any/ });
add('AbortSignal.any: ES module', `
    const $process = new AbortController();
    export function $job(i) {
      const input = ${record};
      const signal = AbortSignal.any([$process.signal]);
      signal.addEventListener('abort', () => input); //@
      return signal;
    }
    drive((i) => { $job(i); });`,
{ cause: ['listeners'], name: ['abort'], line: true, count: 300, advice: /AbortSignal\.any/ }, 'esm');

// ------------------------------------------------------------------ resolvers of pending promises
add('resolvers: functions in an array, ES module', `
    const $queue = []; //@
    export function $acquire(i) {
      const owner = ${record};
      return new Promise((resolve) => { $queue.push(() => resolve(owner)); }); //@
    }
    drive((i) => { $acquire(i); });`,
{ cause: ['promises', 'array', 'closure'], name: ['$queue'], line: true, advice: /settle each/ }, 'esm');
add('resolvers: by id, TypeScript', `
    type $Waiter = { resolve: (value: unknown) => void; reject: (error: Error) => void };

    class $Rpc {
      private readonly $pending: Map<number, $Waiter> = new Map(); //@
      public send(i: number): Promise<unknown> {
        const payload: unknown = ${record};
        return new Promise((resolve, reject) => {
          this.$pending.set(i, { resolve: () => resolve(payload), reject });
        });
      }
    }
    const $rpc: $Rpc = new $Rpc();
    declare function drive(step: (i: number) => void): void;
    drive((i: number): void => { void $rpc.send(i); });`,
{ cause: ['promises', 'map'], name: ['$pending'], file: 'main.ts', line: true, advice: /settle each/ }, 'typescript');
add('resolvers: async frames in a bundle', {
  '$lib.js': `
    const $waiters = new Set(); //@
    export async function $lock(i) {
      const held = ${record};
      await new Promise((resolve) => { $waiters.add(resolve); });
      return held;
    }`,
  'main.js': `
    import { $lock } from './$lib.js';
    drive((i) => { $lock(i); });`,
}, { cause: ['promises', 'set', 'closure'], name: ['$waiters', '$lock'], file: '$lib.js', line: true, advice: /settle each/ }, 'bundle');
add('resolvers: deferreds in a linked queue of a pool', {
  '$pool.js': `
    class $Deferred {
      constructor() {
        this.$settled = new Promise((resolve, reject) => { this.resolve = resolve; this.reject = reject; }); //@
      }
    }
    class $Pool {
      $first = null;
      $last = null;
      $lent = 0;
      acquire() {
        const deferred = new $Deferred();
        if (this.$lent++ < 4) deferred.resolve({});
        else {
          const entry = { deferred, before: this.$last, after: null };
          if (this.$last === null) this.$first = entry; else this.$last.after = entry;
          this.$last = entry;
        }
        return deferred.$settled;
      }
    }
    exports.$pool = new $Pool(); //@`,
  'main.js': `
    const { $pool } = require('./$pool.js');
    async function query(i) { const row = ${record}; await $pool.acquire(); return row; } // what was lent is never given back
    drive((i) => { query(i); });`,
}, { cause: ['promises', 'object', 'array', 'other'], name: ['$settled', '$first', '$last', '$pool'], file: '$pool.js', line: false, data: true, advice: /settle each/ });

// ------------------------------------------------------------------ what only a handle of Node's holds
add('listeners: of each request on its keep-alive connection', {
  '$audit.js': `
    let i = 0;
    module.exports = (req, res, next) => {
      i++;
      const entry = ${record};
      req.socket.on('close', () => { if (!res.writableEnded) console.log(entry); }); //@
      next();
    };`,
  'main.js': `
    process.removeAllListeners('warning');
    const http = require('node:http');
    const $audit = require('./$audit.js');
    const server = http.createServer((req, res) => $audit(req, res, () => res.end('ok')));
    server.keepAliveTimeout = 0;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 3 });
    server.listen(0, '127.0.0.1', () => {
      const get = () => new Promise((resolve, reject) => {
        http.get({ port: server.address().port, host: '127.0.0.1', agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      });
      drive(() => Promise.all([get(), get(), get()]), { scale: 0.5 });
    });`,
}, { cause: ['listeners'], name: ['close'], file: '$audit.js', line: true });

module.exports = programs;
