'use strict';
// Shapes that the rules were not written for: what came after the first snapshot, what is replaced at each change, what Node and
// its packages hold.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

add('map: class static behind a getter', `
    class $Registry {
      static #$byKey = new Map(); //@
      static get $entries() { return $Registry.#$byKey; }
    }
    drive((i) => { $Registry.$entries.set('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$byKey'], line: true, count: 300 });
add('map: made at its first use, after the first snapshot', `
    class $Users {
      get $cache() { return (this.$byId ??= new Map()); } //@
      find(i) { if (!this.$cache.has(i)) this.$cache.set(i, ${record}); return this.$cache.get(i); }
    }
    const $users = new $Users();
    drive((i) => { if (i > 190) $users.find(i); });`,
{ cause: ['map'], name: ['$byId'], line: true, count: 289 });
add('array: deep in what was made after the first snapshot', `
    const $app = {};
    function $plugin() { $app.$metrics = { samples: { $latest: [] } }; } //@
    drive((i) => { if (i === 190) $plugin(); if (i > 190) $app.$metrics.samples.$latest.push(${record}); });`,
{ cause: ['array'], name: ['$latest'], line: true, count: 289 });
add('map: a key with dots', `
    const $caches = {};
    $caches['$user.profile'] = new Map(); //@
    drive((i) => { $caches['$user.profile'].set(i, ${record}); });`,
{ cause: ['map'], name: ['$user.profile'], line: true, count: 300 });
add('array: a state that is replaced at each change', {
  '$store.mjs': `
    const $reduce = (state, action) => ({ ...state, $todos: [...state.$todos, action.payload] }); //@
    export class $Store {
      constructor() { this.$state = { filter: 'all', $todos: [] }; } //@
      dispatch(action) { this.$state = $reduce(this.$state, action); } //@
    }`,
  'main.mjs': `
    import { $Store } from './$store.mjs';
    const $store = new $Store();
    drive((i) => { $store.dispatch({ type: 'add', payload: ${record} }); });`,
}, { cause: ['array'], name: ['$todos'], file: '$store.mjs', line: true, count: 300 }, 'esm');
add('object: a table in a state that is replaced at each change', `
    const $store = { $state: { $byId: {}, total: 0 } }; //@
    drive((i) => {
      const { $byId, total } = $store.$state; //@
      $store.$state = { $byId: { ...$byId, ['id ' + i]: ${record} }, total: total + 1 }; //@
    });`,
{ cause: ['object'], name: ['$byId'], line: true, count: 300 });
add('array: ES default export', {
  '$audit.mjs': `
    const $trail = []; //@
    export default $trail; //@`,
  'main.mjs': `
    import $log from './$audit.mjs';
    drive((i) => { $log.push(${record}); });`,
}, { cause: ['array'], name: ['$trail'], file: '$audit.mjs', line: true, count: 300 }, 'esm');
add('array: ES default export without a name', {
  '$audit.mjs': `
    export default []; //@`,
  'main.mjs': `
    import $log from './$audit.mjs';
    drive((i) => { $log.push(${record}); });`,
}, { cause: ['array'], name: ['$audit.mjs', '$log'], file: '$audit.mjs', line: true, count: 300 }, 'esm');
add('array: a decorator of a framework', {
  'node_modules/$fast/package.json': `{ "name": "$fast", "version": "5.2.1", "main": "lib/app.js" }`,
  'node_modules/$fast/lib/app.js': `
    'use strict';
    function Request(id) { this.id = id; }
    module.exports = function $fast() {
      const app = {
        decorate(name, value) { Object.defineProperty(app, name, { value, enumerable: true }); return app; },
        decorateRequest(name, value) { Request.prototype[name] = value; return app; },
        register(plugin) { plugin(app); return app; },
        inject(i) { return app.handler.call(app, new Request(i)); },
        route(handler) { app.handler = handler; },
      };
      return app;
    };`,
  '$plugin.js': `
    module.exports = (app) => {
      app.decorate('$recent', []); //@
      app.route(function (request) { const i = request.id; this.$recent.push({ request, body: ${record} }); });
    };`,
  'main.js': `
    const $app = require('$fast')().register(require('./$plugin.js'));
    drive((i) => { $app.inject(i); });`,
}, { cause: ['array'], name: ['$recent'], file: '$plugin.js', line: true });
add('map: on a prototype', `
    function $Repo() {}
    $Repo.prototype.$rows = new Map(); //@
    $Repo.prototype.save = function (i) { this.$rows.set(i, ${record}); };
    drive((i) => { new $Repo().save(i); });`,
{ cause: ['map'], name: ['$rows'], line: true, count: 300 });
add('set: by a symbol on the global object', `
    const $key = Symbol.for('$app.sessions');
    globalThis[$key] = new Set(); //@
    drive((i) => { globalThis[$key].add(${record}); });`,
{ cause: ['set'], name: ['$app.sessions', '$key'], line: false, count: 300, data: true });
add('weak: WeakRefs that are never dropped', `
    class $Bus {
      constructor() { this.$targets = []; } //@
      watch(target) { this.$targets.push(new WeakRef(target)); }
    }
    const $bus = new $Bus();
    drive((i) => { $bus.watch({ i }); }, { scale: 2 });`,
{ cause: ['array', 'weak'], name: ['$targets'], line: true, count: 600 });
add('listeners: an event that gets its first after the first snapshot', `
    const { EventEmitter } = require('node:events');
    const $bus = new EventEmitter().setMaxListeners(0);
    $bus.on('$ready', () => {});
    function $follow(i) {
      const state = ${record};
      $bus.on('$moved', () => state); //@
    }
    drive((i) => { if (i > 190) $follow(i); });`,
{ cause: ['listeners'], name: ['$moved'], line: true, count: 289, advice: /: off\('/ });
add('listeners: an event of an EventTarget that gets its first after the first snapshot', `
    const $target = new EventTarget();
    require('node:events').setMaxListeners(0, $target);
    $target.addEventListener('$ready', () => {});
    function $follow(i) {
      const state = ${record};
      $target.addEventListener('$moved', () => state); //@
    }
    drive((i) => { if (i > 190) $follow(i); });`,
{ cause: ['listeners'], name: ['$moved'], line: true, count: 289, advice: /removeEventListener\('/ });
add('listeners: an event of its own for each', `
    const { EventEmitter } = require('node:events');
    class $Rpc extends EventEmitter {
      ask(i) {
        const question = ${record};
        this.once('answer:' + i, () => question); //@
      }
    }
    const $rpc = new $Rpc();
    drive((i) => { $rpc.ask(i); });`,
{ cause: ['listeners'], name: ['$rpc'], line: true, count: 300, advice: /: off\(event, listener\)/ });
add('listeners: on one derived signal', `
    const [$stop, $deadline] = [new AbortController(), new AbortController()];
    const $either = AbortSignal.any([$stop.signal, $deadline.signal]);
    require('node:events').setMaxListeners(0, $either);
    function $load(i) {
      const request = ${record};
      $either.addEventListener('abort', () => request); //@
    }
    drive((i) => { $load(i); });`,
{ cause: ['listeners'], name: ['abort'], line: true, count: 300, advice: /removeEventListener\('abort'/ });
add('listeners: subscribers of a diagnostics channel', `
    const { channel } = require('node:diagnostics_channel');
    const $requests = channel('$app.request');
    class $Tracer {
      constructor(i) {
        this.state = ${record};
        $requests.subscribe((message) => { this.state.last = message; }); //@
      }
    }
    drive((i) => { new $Tracer(i); });`,
{ cause: ['listeners'], name: ['$app.request'], line: true, count: 300, advice: /unsubscribe/ });
add('timers: one that arms itself again', `
    function $retry(job) {
      setTimeout(() => { job.tries++; $retry(job); }, 20); //@
    }
    drive((i) => { $retry({ tries: 0, job: ${record} }); });`,
{ cause: ['timers'], name: ['setTimeout in $retry'], line: true, count: 300 });
add('timers: beside one of the same delay that a variable holds', `
    const $shared = { sweep: setInterval(() => null, 900_000) };
    class $Limiter {
      #hits = new Map();
      constructor(i) {
        const options = Object.fromEntries(Array.from({ length: 20 }, (_, k) => ['option' + k, ${record}]));
        setInterval(() => { this.#hits.clear(); return [options, $shared]; }, 900_000); //@
      }
    }
    drive((i) => { new $Limiter(i); });`,
{ cause: ['timers'], name: ['setInterval in $Limiter'], line: true, count: 300, delay: 900_000 });
add('object: a chain of stores of AsyncLocalStorage that one timer has', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $context = new AsyncLocalStorage();
    let wake;
    function $tick(i) {
      const span = { i, tags: ${record}, $parent: $context.getStore() };
      $context.run(span, () => setTimeout(() => { wake(); $tick(i + 1); }, 1));
    }
    $tick(0);
    drive(() => new Promise((resolve) => { wake = resolve; }));`,
{ cause: ['object'], name: ['$context.getStore().$parent'], unit: 'links', advice: /cut the chain/ });
add('AsyncLocalStorage: enterWith() with the store before, in a timer that arms itself', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    class $Tracer {
      constructor() { this.$storage = new AsyncLocalStorage(); }
      begin(i) {
        this.$storage.enterWith({ i, tags: ${record}, $before: this.$storage.getStore() }); //@
      }
    }
    const $tracer = new $Tracer();
    let wake;
    let i = 0;
    function $tick() {
      $tracer.begin(i++);
      wake?.();
      setTimeout($tick, 1);
    }
    $tick();
    drive(() => new Promise((resolve) => { wake = resolve; }));`,
{ cause: ['object'], name: ['$storage.getStore().$before'], line: true, unit: 'links', advice: /cut the chain.*enterWith/ });
add('AsyncLocalStorage: enterWith() with the store before, beside another storage, in a function that awaits', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const { setTimeout: delay } = require('node:timers/promises');
    const $tenants = new AsyncLocalStorage();
    const $requests = new AsyncLocalStorage();
    let wake;
    async function $poll() {
      for (let i = 0; ; i++) {
        $requests.enterWith({ i, $before: $requests.getStore(), tags: ${record} }); //@
        await delay(1);
        wake?.();
      }
    }
    $tenants.run({ id: 1 }, $poll);
    drive(() => new Promise((resolve) => { wake = resolve; }));`,
{ cause: ['object'], name: ['$requests.getStore().$before'], line: true, unit: 'links', advice: /cut the chain.*enterWith/ });
// Not in a Set: Node 26 makes its members unique strings, and so copies.
add('array: slices that keep the whole strings', `
    const $seen = []; //@
    drive((i) => {
      const line = Buffer.from('session ' + String(i).padStart(20, '0') + ' ' + 'x'.repeat(2000)).toString('latin1');
      $seen.push(line.slice(0, 28));
    });`,
{ cause: ['array'], name: ['$seen'], line: true, count: 300, advice: /store copies/ });
add('other: ports that are never closed', `
    drive((i) => new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      const order = ${record};
      port2.on('message', () => { port2.postMessage(order.id); }); //@
      port1.on('message', resolve); //@
      port1.postMessage(i);
    }));`,
{ cause: ['other'], name: ['MessagePort'], line: true, advice: /close or terminate/ });
add('promises: a store of AsyncLocalStorage in one that never settles', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $request = new AsyncLocalStorage();
    const $flushed = new Map(); //@
    function $flush(i) { return new Promise((resolve) => { $flushed.set(i, resolve); }); }
    async function $serve(i) { await $flush(i); return $request.getStore().id; }
    drive((i) => { $request.run(${record}, () => { $serve(i); }); });`,
{ cause: ['promises', 'map'], name: ['$flushed'], line: true, count: 300, advice: /settle each/ });
add('promises: generators that are never ended', `
    async function* $pages(i) { const page = ${record}; while (true) yield page; } //@
    const $open = new Set(); //@
    drive(async (i) => { const pages = $pages(i); await pages.next(); $open.add(pages); });`,
{ cause: ['set', 'promises', 'closure'], name: ['$open', '$pages'], line: true, count: 300 });
add('buffers: one that is concatenated', `
    class $Body {
      constructor() { this.$bytes = Buffer.alloc(0); } //@
      append(chunk) { this.$bytes = Buffer.concat([this.$bytes, chunk]); } //@
    }
    const $body = new $Body();
    drive((i) => { $body.append(Buffer.alloc(1000, i)); });`,
{ cause: ['buffers'], name: ['$bytes'], line: true });
add('streams: a web stream that is never read', `
    class $Feed {
      constructor() { this.$readable = new ReadableStream({ start: (controller) => { this.controller = controller; } }, { highWaterMark: 10 }); } //@
      publish(i) { this.controller.enqueue(${record}); }
    }
    const $feed = new $Feed();
    drive((i) => { $feed.publish(i); });`,
{ cause: ['streams', 'array'], name: ['$readable', 'controller', '$feed', 'queue'], line: false });
add('sockets: keep-alive sockets of an agent for each tenant', `
    const http = require('node:http');
    const $agents = {}; //@
    const $agentOf = (tenant) => ($agents[tenant] ??= new http.Agent({ keepAlive: true, maxSockets: 4 }));
    const server = http.createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      drive((i) => new Promise((resolve, reject) => {
        http.get({ port, host: '127.0.0.1', agent: $agentOf('tenant ' + i) }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      }), { scale: 0.4, warm: 10 });
    });`,
{ cause: ['sockets', 'object'], name: ['$agents'], line: true, count: 120, advice: /http\.Agent/ });
add('object: modules that are loaded again', {
  '$template.js': `
    module.exports = { render: (x) => x, compiled: ${blob.replace(' + i', '.repeat(9)')}.split('') };`,
  '$views.js': `
    module.exports = function $view(i) { //@
      delete require.cache[require.resolve("./$template.js")];
      return require('./$template.js').render(i);
    };`,
  'main.js': `
    const $view = require('./$views.js');
    drive((i) => { $view(i); }, { scale: 0.5 });`,
}, { cause: ['array'], name: ['children'], file: '$views.js', line: true, count: 150, advice: /require\.cache/ });
add('object: modules that are imported again', {
  '$template.mjs': `
    export const $compiled = ${blob.replace(' + i', '.repeat(9)')}.split('');
    export const $render = (x) => x;`,
  'main.mjs': `
    drive(async (i) => { (await import('./$template.mjs?version=' + i)).$render(i); }, { scale: 0.5 }); //@`,
}, { cause: ['map'], name: ['loadCache'], file: '$template.mjs', module: true, line: false, count: 150, advice: /load the same files once/ }, 'esm');
add('map: in a module that is loaded after the first snapshot', {
  '$quotes.js': `
    const $known = new Map(); //@
    exports.$quote = (i) => { if (!$known.has(i)) $known.set(i, ${record}); return $known.get(i); };`,
  'main.js': `
    drive((i) => { if (i > 190) require('./$quotes.js').$quote(i); });`,
}, { cause: ['map'], name: ['$known'], file: '$quotes.js', line: true, count: 289 });
add('map: in an ES module that is imported after the first snapshot', {
  '$quotes.mjs': `
    export class $Quotes {
      #$known = new Map(); //@
      find(i) { if (!this.#$known.has(i)) this.#$known.set(i, ${record}); return this.#$known.get(i); }
    }
    export const $quotes = new $Quotes();`,
  'main.mjs': `
    drive(async (i) => { if (i > 190) (await import('./$quotes.mjs')).$quotes.find(i); });`,
}, { cause: ['map'], name: ['$known'], file: '$quotes.mjs', line: true, count: 289 }, 'esm');
add('map: TypeScript, a bundle with its map inside', {
  'main.ts': `
    import { $Directory } from './$directory';
    declare function drive(step: (i: number) => void): void;
    const $directory = new $Directory<{ id: number }>();
    drive((i: number): void => { $directory.put('k' + i, ${record}); });`,
  '$directory.ts': `
    type $Key = string | number;

    /** What is found again. */
    export class $Directory<T> {
      readonly #$entries = new Map<$Key, T>(); //@
      public put(key: $Key, value: T): void { this.#$entries.set(key, value); }
    }`,
}, { cause: ['map'], name: ['$entries'], file: '$directory.ts', line: true, count: 300 }, 'tsbundle');

// ---------------------------------------------------------------------------------------- healthy
add('healthy: two generations of a cache, in turns', `
    class $Cache {
      $young = new Map();
      $old = new Map();
      set(key, value) {
        this.$young.set(key, value);
        if (this.$young.size >= 40) { this.$old = this.$young; this.$young = new Map(); }
      }
    }
    const $cache = new $Cache();
    drive((i) => { $cache.set('k' + i, ${record}); }, { warm: 100 });`, null);
add('healthy: a linked LRU that churns', `
    class $Entry { constructor(key, value) { this.key = key; this.value = value; this.newer = this.older = null; } }
    class $LRU {
      $map = new Map(); $head = null; $tail = null;
      set(key, value) {
        const entry = new $Entry(key, value);
        this.$map.set(key, entry);
        if (this.$head) { this.$head.newer = entry; entry.older = this.$head; }
        this.$head = entry;
        this.$tail ??= entry;
        if (this.$map.size > 80) { this.$map.delete(this.$tail.key); this.$tail = this.$tail.newer; this.$tail.older = null; }
      }
    }
    const $lru = new $LRU();
    drive((i) => { $lru.set('k' + i, ${record}); }, { warm: 120 });`, null);
add('healthy: a lazy require in each round', {
  ...Object.fromEntries([1, 2, 3].map((n) => [`$part${n}.js`, `
    const $table${n} = Object.fromEntries(Array.from({ length: 40 }, (_, k) => ['k' + k, { at: k, text: 'part ${n} '.repeat(k) }]));
    module.exports = (i) => $table${n}['k' + i % 40];`])),
  'main.js': `
    drive((i) => {
      if (i > 40) require('./$part1.js')(i);
      if (i > 200) require('./$part2.js')(i);
      if (i > 350) require('./$part3.js')(i);
    });`,
}, null);
add('healthy: a lazy import in each round', {
  ...Object.fromEntries([1, 2, 3].map((n) => [`$part${n}.mjs`, `
    const $table${n} = Object.fromEntries(Array.from({ length: 40 }, (_, k) => ['k' + k, { at: k, text: 'part ${n} '.repeat(k) }]));
    export default (i) => $table${n}['k' + i % 40];`])),
  'main.mjs': `
    drive(async (i) => {
      if (i > 40) (await import('./$part1.mjs')).default(i);
      if (i > 200) (await import('./$part2.mjs')).default(i);
      if (i > 350) (await import('./$part3.mjs')).default(i);
    });`,
}, null, 'esm');
add('healthy: a state that is replaced and bounded', `
    let $state = { $items: [], total: 0 };
    drive((i) => { $state = { ...$state, total: $state.total + 1, $items: [...$state.$items, ${record}].slice(-50) }; }, { warm: 80 });`, null, 'esm');
add('healthy: a pool that grows to its bound', `
    class $Pool {
      $idle = [];
      #made = 0;
      async use(work) {
        const item = this.$idle.pop() ?? { id: this.#made++, buffer: new Uint8Array(4096) };
        await work(item);
        this.$idle.push(item);
      }
    }
    const $pool = new $Pool();
    drive((i) => Promise.all(Array.from({ length: 1 + Math.min(20, i) }, () => $pool.use(() => null))));`, null);
add('healthy: timers that arm themselves again, a fixed number', `
    const $heartbeats = Array.from({ length: 20 }, (_, k) => ({ id: k, beats: 0 }));
    const $beat = (heart) => { heart.beats++; setTimeout($beat, 5, heart); };
    $heartbeats.forEach($beat);
    drive(async (i) => { const late = setTimeout(() => (${record}), 60_000); await null; clearTimeout(late); });`, null);

module.exports = programs;
