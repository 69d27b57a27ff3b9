'use strict';
// What services and the packages that they use really do: middleware, clients, sockets, memoised methods, subjects, pools.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

/** A server that answers with what `handle` does, and requests to it over one connection that is kept alive. */
const requests = (handle, options = '{ scale: 0.5 }') => `
    const http = require('node:http');
    const server = http.createServer(${handle});
    server.keepAliveTimeout = 0;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      drive((i) => new Promise((resolve, reject) => {
        http.get({ port, host: '127.0.0.1', agent, path: '/item/' + i }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      }), ${options});
    });`;

/** As Express is: functions in a row, the app on each request. */
const express = `
    module.exports = () => {
      const stack = [];
      const app = (req, res) => { req.app = app; let at = 0; const next = () => stack[at++]?.(req, res, next); next(); };
      app.use = (layer) => { stack.push(layer); return app; };
      app.locals = Object.create(null);
      return app;
    };`;

add('service: middleware that keeps requests on app.locals', {
  '$express.js': express,
  'main.js': `
    const app = require('./$express.js')();
    app.locals.$recent = []; //@
    app.use((req, res, next) => { req.app.locals.$recent.push(req); next(); });
    app.use((req, res) => res.end('ok'));
    ${requests('app')}`,
}, { cause: ['array'], name: ['$recent'], line: true, count: 150 });
add('service: a listener on the connection for each of its requests', requests(`(req, res) => {
      const $order = { path: req.url, lines: ${blob.replace(' + i', '')}.split('') };
      req.socket.setMaxListeners(0);
      req.socket.on('close', () => $order.lines); //@
      res.end('ok');
    }`),
{ cause: ['listeners'], name: ['close'], line: true, count: 150, advice: /: off\('close'/ });
add('service: a client for each request, as of a database', {
  'node_modules/$orm/package.json': `{ "name": "$orm", "version": "5.22.0", "main": "index.js" }`,
  'node_modules/$orm/index.js': `
    class $Engine { constructor(schema) { this.schema = schema; this.listeners = new Map(); } }
    exports.$Client = class $Client {
      constructor(schema) {
        this.$engine = new $Engine(schema);
        process.setMaxListeners(0);
        process.on('beforeExit', () => this.$disconnect()); //@
      }
      $disconnect() { this.$engine = null; }
      async $find(id) { return { id }; }
    };`,
  'main.js': `
    const { $Client } = require('$orm');
    async function $load(i) { const client = new $Client(${record}); return client.$find(i); }
    drive((i) => $load(i));`,
}, { cause: ['listeners'], name: ['beforeExit'], file: '$orm/index.js', line: true, package: '$orm@5.22.0', count: 300, advice: /off\('beforeExit'/ });
add('service: WebSocket clients that are gone, in a Set', {
  '$hub.js': `
    const { EventEmitter } = require('node:events');
    class $Client extends EventEmitter {
      constructor(i) { super(); this.readyState = 1; this.state = ${record}; }
      close() { this.readyState = 3; this.emit('close'); }
    }
    exports.$Hub = class $Hub extends EventEmitter {
      $clients = new Set(); //@
      accept(i) {
        const client = new $Client(i);
        this.$clients.add(client);
        client.on('message', () => this.broadcast(client.state));
        return client;
      }
      broadcast(text) { for (const client of this.$clients) if (client.readyState === 1) client.emit('send', text); }
    };`,
  'main.js': `
    const { $Hub } = require('./$hub.js');
    const $hub = new $Hub();
    drive((i) => { $hub.accept(i).close(); });`,
}, { cause: ['set'], name: ['$clients'], file: '$hub.js', line: true, count: 300 });
add('service: a memoised method', {
  '$memo.js': `
    module.exports = function $memoize(method) {
      const $results = new Map(); //@
      return function (...args) {
        const key = JSON.stringify(args);
        if (!$results.has(key)) $results.set(key, method.apply(this, args));
        return $results.get(key);
      };
    };`,
  'main.js': `
    const $memoize = require('./$memo.js');
    class $Report { build(i) { return ${record}; } }
    $Report.prototype.build = $memoize($Report.prototype.build);
    drive((i) => { new $Report().build(i); });`,
}, { cause: ['map'], name: ['$results'], file: '$memo.js', line: true, count: 300 });
add('service: a memoised method, by decorator in TypeScript', `
    type $Any = (...args: unknown[]) => unknown;

    function $cached(method: $Any): $Any {
      const $answers: Record<string, unknown> = {}; //@
      return function (this: unknown, ...args: unknown[]): unknown {
        return ($answers[args.join()] ??= method.apply(this, args));
      };
    }
    class $Prices {
      public quote: $Any = () => null;
      constructor() { this.quote = $cached((i) => (${record})); }
    }
    const $prices: $Prices = new $Prices();
    declare function drive(step: (i: number) => void): void;
    drive((i: number): void => { $prices.quote(i); });`,
{ cause: ['object'], name: ['$answers'], file: 'main.ts', line: true, count: 300 }, 'typescript');
add('service: a subject with subscribers that never leave', {
  'node_modules/$rx/package.json': `{ "name": "$rx", "version": "7.8.1", "main": "index.js" }`,
  'node_modules/$rx/index.js': `
    class $Subscription { constructor(leave) { this.leave = leave; } unsubscribe() { this.leave(); } }
    exports.$Subject = class $Subject {
      constructor() {
        this.closed = false;
        this.$observers = []; //@
      }
      subscribe(next) {
        const observer = { next, isStopped: false };
        this.$observers.push(observer);
        return new $Subscription(() => { this.$observers.splice(this.$observers.indexOf(observer), 1); });
      }
      next(value) { for (const observer of this.$observers) observer.next(value); }
    };`,
  '$prices.js': `
    const { $Subject } = require('$rx');
    exports.$prices = new $Subject();`,
  'main.js': `
    const { $prices } = require('./$prices.js');
    function $view(i) {
      const $widget = ${record};
      $prices.subscribe((price) => { $widget.price = price; });
    }
    drive((i) => { $view(i); if (i % 50 === 0) $prices.next(i); });`,
}, { cause: ['array', 'closure', 'listeners'], name: ['$observers'], file: '$rx/index.js', line: true, package: '$rx@7.8.1', count: 300, advice: /what stays is of main\.js:4: check first that the application removes it/ });
add('service: fetch with AbortSignal.any over the shutdown signal', `
    const $shutdown = new AbortController();
    async function $call(i, port) {
      const request = ${record};
      const signal = AbortSignal.any([$shutdown.signal]);
      signal.addEventListener('abort', () => request); //@
      const answer = await fetch('http://127.0.0.1:' + port + '/' + i, { signal });
      return answer.text();
    }
    const server = require('node:http').createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => drive((i) => $call(i, server.address().port), { scale: 0.5, warm: 40 }));`,
{ cause: ['listeners'], name: ['abort'], line: true, advice: /AbortSignal\.any/ });
add('service: iterators of events that are never ended', `
    const { EventEmitter, on } = require('node:events');
    const $orders = new EventEmitter().setMaxListeners(0);
    async function $follow(i) { //@
      const session = ${record};
      for await (const [order] of on($orders, '$placed')) session.last = order;
    }
    drive((i) => { $follow(i); });`,
{ cause: ['listeners'], name: ['$placed'], line: true, count: 300, advice: /unpipe|end/ });
add('service: time-outs of many delays', `
    const $expire = (entry) => { entry.done = true; };
    function $keep(i) {
      const entry = ${record};
      setTimeout(() => $expire(entry), 3_600_000 + i * 13); //@
    }
    drive((i) => { $keep(i); });`,
{ cause: ['timers'], name: ['setTimeout in $keep'], line: true, count: 300 });
add('service: a pool whose connections are not given back', {
  'node_modules/$pg/package.json': `{ "name": "$pg", "version": "8.13.1", "main": "pool.js" }`,
  'node_modules/$pg/pool.js': `
    exports.$Pool = class $Pool {
      constructor(max) {
        this.$free = Array.from({ length: max }, () => ({ release: () => this.give() }));
        this.$pending = []; //@
      }
      connect() {
        if (this.$free.length > 0) return Promise.resolve(this.$free.pop());
        return new Promise((resolve, reject) => { this.$pending.push({ resolve, reject, at: Date.now() }); });
      }
      give() {}
    };`,
  'main.js': `
    const { $Pool } = require('$pg');
    const $pool = new $Pool(4);
    async function $query(i) { const text = ${record}; const client = await $pool.connect(); return [client, text]; }
    drive((i) => { $query(i); });`,
}, { cause: ['promises', 'array'], name: ['$pending'], file: '$pg/pool.js', line: true, package: '$pg@8.13.1', count: 300, advice: /what stays is of \w+ \(main\.js:3\): check first .* settle each/ });
add('service: contexts of vm that are kept', `
    const vm = require('node:vm');
    class $Sandbox {
      #scripts = new Map(); //@
      run(i) {
        const context = vm.createContext({ input: ${record} });
        vm.runInContext('output = input.id * 2', context);
        this.#scripts.set('template ' + i, context);
      }
    }
    const $sandbox = new $Sandbox();
    drive((i) => { if (i % 5 === 0) $sandbox.run(i); });`,
{ cause: ['map'], name: ['scripts'], line: true, count: 60, advice: /BoundedMap/ });

// ---------------------------------------------------------------------------------------- healthy
add('healthy service: requests, listeners and clients that go', {
  '$express.js': express,
  'main.js': `
    const app = require('./$express.js')();
    app.locals.$recent = [];
    app.use((req, res, next) => {
      req.app.locals.$recent.push(req);
      if (req.app.locals.$recent.length > 20) req.app.locals.$recent.shift();
      next();
    });
    app.use((req, res) => {
      const $order = { path: req.url, lines: ${blob.replace(' + i', '')}.split('') };
      const $gone = () => $order.lines;
      req.socket.on('close', $gone);
      res.on('finish', () => req.socket.off('close', $gone));
      res.end('ok');
    });
    ${requests('app', '{ scale: 0.5, warm: 60 }')}`,
}, null);
// fetch drops the timers of requests that have ended twice a second. Three images fit between.
add('healthy service: a few fetches', `
    const server = require('node:http').createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => drive(async (i) => {
      const answer = await fetch('http://127.0.0.1:' + server.address().port + '/' + i, { signal: AbortSignal.timeout(60_000) });
      return answer.text();
    }, { scale: 0.4, warm: 60, rest: 1200 }));`, null);
add('healthy service: subscribers that leave, iterators that end', `
    const { EventEmitter, on } = require('node:events');
    const $orders = new EventEmitter();
    const $observers = [];
    drive(async (i) => {
      const session = ${record};
      const observer = { next: (price) => { session.price = price; } };
      $observers.push(observer);
      const stop = new AbortController();
      setImmediate(() => { $orders.emit('$placed', i); });
      for await (const [order] of on($orders, '$placed', { signal: stop.signal })) { session.last = order; break; }
      $observers.splice($observers.indexOf(observer), 1);
    });`, null);

module.exports = programs;
