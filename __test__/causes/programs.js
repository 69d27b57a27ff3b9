'use strict';
// One leak a program. `$name` is drawn anew at each run (names.js), so no rule of the analyzer can know it. A line that ends in
// `//@` is one that the report may give; `expect.name` lists what it may call the culprit, `expect.cause` the causes that fit.
// Kinds: cjs (default), esm, typescript (transpiled, map inlined), bundle (esbuild, minified, map beside the file).

const blob = `'x'.repeat(500) + i`;
const record = `{ id: i, label: 'user ' + i, profile: { bio: ${blob}, tags: ['a', 'b', String(i)] } }`;

/** @typedef {{title: string, kind?: string, files: Record<string, string>, expect: {cause: string[], name: string[], file?: string, line?: boolean, package?: string} | null}} Program */

/** @type {Program[]} */
const programs = [];
const add = (title, files, expect, kind = 'cjs') => {
  programs.push({ title, kind, files: typeof files === 'string' ? { [`main.${{ cjs: 'js', esm: 'mjs', typescript: 'ts', bundle: 'js' }[kind]}`]: files } : files, expect });
};

// ------------------------------------------------------------------------------------------- map
add('map: class field', {
  '$store.js': `
    class $Store {
      constructor() {
        this.$items = new Map(); //@
      }
      add(key, value) { this.$items.set(key, value); }
    }
    module.exports = new $Store();`,
  'main.js': `
    const $store = require('./$store.js');
    drive((i) => { $store.add('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$items'], file: '$store.js', line: true });
add('map: private field', `
    class $Store {
      #$items = new Map(); //@
      add(key, value) { this.#$items.set(key, value); }
    }
    const $store = new $Store();
    drive((i) => { $store.add('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$items'], line: true });
add('map: closure', `
    function $make() {
      const $cache = new Map(); //@
      return function $lookup(key, value) { $cache.set(key, value); return $cache.size; };
    }
    const $lookup = $make();
    drive((i) => { $lookup('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$cache'], line: true });
add('map: ES export', {
  '$registry.mjs': `
    export const $registry = new Map(); //@
    export function $put(key, value) { $registry.set(key, value); }`,
  'main.mjs': `
    import { $put } from './$registry.mjs';
    drive((i) => { $put('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$registry'], file: '$registry.mjs', line: true }, 'esm');
add('map: TypeScript', `
    type $Row = { id: number };
    interface $Shape { a: number; b: string }

    class $Repo {
      private readonly $rows: Map<string, $Row> = new Map(); //@
      public keep(key: string, row: $Row): void { this.$rows.set(key, row); }
    }
    const $repo: $Repo = new $Repo();
    declare function drive(step: (i: number) => void): void;
    drive((i: number): void => { $repo.keep('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$rows'], file: 'main.ts', line: true }, 'typescript');
add('map: bundle', {
  '$lib.js': `
    const $sessions = new Map(); //@
    export function $login(key, value) { $sessions.set(key, value); return $sessions.size; }`,
  'main.js': `
    import { $login } from './$lib.js';
    drive((i) => { $login('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$sessions'], file: '$lib.js', line: true }, 'bundle');

// ------------------------------------------------------------------------------------------- set
add('set: class static', `
    class $Tracker {
      static $seen = new Set(); //@
      static mark(value) { $Tracker.$seen.add(value); }
    }
    drive((i) => { $Tracker.mark(${record}); });`,
{ cause: ['set'], name: ['$seen'], line: true });
add('set: closure', `
    const $guard = (() => {
      const $visited = new Set(); //@
      return (value) => $visited.add(value);
    })();
    drive((i) => { $guard('key-' + ${blob}); });`,
{ cause: ['set'], name: ['$visited'], line: true });
add('set: ES module', `
    const $pending = new Set(); //@
    export const $track = (value) => { $pending.add(value); };
    drive((i) => { $track(${record}); });`,
{ cause: ['set'], name: ['$pending'], line: true }, 'esm');
add('set: bundle', {
  '$lib.js': `
    class $Seen {
      $ids = new Set(); //@
      note(id) { this.$ids.add(id); }
    }
    export const $seen = new $Seen();`,
  'main.js': `
    import { $seen } from './$lib.js';
    drive((i) => { $seen.note(${record}); });`,
}, { cause: ['set'], name: ['$ids'], file: '$lib.js', line: true }, 'bundle');

// ---------------------------------------------------------------------------------------- object
add('object: module level', {
  '$state.js': `
    const $table = {}; //@
    exports.save = (key, value) => { $table[key] = value; };`,
  'main.js': `
    const { save } = require('./$state.js');
    drive((i) => { save('k' + i, ${record}); });`,
}, { cause: ['object'], name: ['$table'], file: '$state.js', line: true });
add('object: instance, null prototype, strings', `
    class $Memory {
      constructor() { this.$entries = Object.create(null); } //@
      set(key, value) { this.$entries[key] = JSON.stringify(value); }
    }
    const $app = { $memory: new $Memory() };
    drive((i) => { $app.$memory.set('s' + i, ${record}); });`,
{ cause: ['object'], name: ['$entries'], line: true });
add('object: global', `
    globalThis.$index = {}; //@
    drive((i) => { globalThis.$index['k' + i] = ${record}; });`,
{ cause: ['object'], name: ['$index'], line: true });
add('object: ES export', {
  '$cache.mjs': `
    export const $cache = {}; //@`,
  'main.mjs': `
    import { $cache } from './$cache.mjs';
    drive((i) => { $cache['k' + i] = ${record}; });`,
}, { cause: ['object'], name: ['$cache'], file: '$cache.mjs', line: true }, 'esm');
add('object: integer keys', `
    const $byId = {}; //@
    function $remember(i) { $byId[i * 7] = ${record}; }
    drive((i) => { $remember(i); });`,
{ cause: ['object'], name: ['$byId'], line: true });

// ----------------------------------------------------------------------------------------- array
add('array: function property', {
  '$common.js': `
    module.exports = function setup() {
      $create.$instances = []; //@
      function $create(name) {
        function $item() { return name; }
        $item.opts = { name, at: ${blob.replace(' + i', '')} };
        $create.$instances.push($item);
        return $item;
      }
      return $create;
    };`,
  'main.js': `
    const $create = require('./$common.js')();
    drive((i) => { $create('n' + i); });`,
}, { cause: ['array'], name: ['$instances'], file: '$common.js', line: true });
add('array: closure', `
    function $logger() {
      const $lines = []; //@
      return { write(line) { $lines.push(line); }, count() { return $lines.length; } };
    }
    const $log = $logger();
    drive((i) => { $log.write(${record}); });`,
{ cause: ['array'], name: ['$lines'], line: true });
add('array: class static', `
    class $Pool {
      static $all = []; //@
      constructor(i) { this.payload = ${blob}; $Pool.$all.push(this); }
    }
    drive((i) => { new $Pool(i); });`,
{ cause: ['array'], name: ['$all'], line: true });
add('array: nested under app', `
    class $Repo { constructor() { this.$rows = []; } } //@
    function $build() { const $app = { $repo: new $Repo(), handle(i) { this.$repo.$rows.push(${record}); } }; return $app; }
    const $app = $build();
    drive((i) => { $app.handle(i); });`,
{ cause: ['array'], name: ['$rows'], line: true });
add('array: ES module', `
    const $audit = []; //@
    export function $note(entry) { $audit.push(entry); }
    drive((i) => { $note(${record}); });`,
{ cause: ['array'], name: ['$audit'], line: true }, 'esm');
add('array: bundle', {
  '$lib.js': `
    export function $recorder() {
      const $events = []; //@
      return (event) => { $events.push(event); };
    }`,
  'main.js': `
    import { $recorder } from './$lib.js';
    const $record = $recorder();
    drive((i) => { $record(${record}); });`,
}, { cause: ['array'], name: ['$events'], file: '$lib.js', line: true }, 'bundle');
add('array: linked list', `
    let $head = null; //@
    function $push(value) { $head = { value, next: $head }; }
    drive((i) => { $push(${record}); });`,
{ cause: ['array', 'object', 'other'], name: ['$head'], line: true });
add('array: linked list, appended', `
    class $Node { constructor(value) { this.value = value; this.next = null; } }
    class $Queue {
      constructor() { this.$first = this.$last = new $Node(null); } //@
      push(value) { this.$last = this.$last.next = new $Node(value); }
    }
    const $queue = new $Queue();
    drive((i) => { $queue.push(${record}); });`,
{ cause: ['array', 'object', 'other'], name: ['$first', '$last', '$queue'], line: true });
add('array: request state at module level', {
  '$trace.js': `
    const $recent = []; //@
    module.exports = (req, res, next) => { $recent.push({ req, res, at: Date.now() }); next(); };`,
  'main.js': `
    const http = require('node:http');
    const $trace = require('./$trace.js');
    const server = http.createServer((req, res) => $trace(req, res, () => res.end('ok')));
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    server.listen(0, '127.0.0.1', () => {
      const get = () => new Promise((resolve, reject) => {
        http.get({ port: server.address().port, host: '127.0.0.1', agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      });
      drive(get, { scale: 0.5 });
    });`,
}, { cause: ['array'], name: ['$recent'], file: '$trace.js', line: true });
add('object: circular under a global', `
    global.$graph = { $nodes: [] }; //@
    drive((i) => {
      const parent = { kind: 'p', data: ${blob}, children: [] };
      for (let k = 0; k < 3; k++) parent.children.push({ kind: 'c', parent });
      parent.root = global.$graph;
      global.$graph.$nodes.push(parent); //@
    });`,
{ cause: ['array', 'object'], name: ['$graph', '$nodes'], line: true });

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
}, { cause: ['listeners'], name: ['$changed'], file: '$handler.js', line: true });
add('listeners: process', `
    process.setMaxListeners(0);
    class $Watch {
      constructor(i) {
        this.state = ${blob};
        process.on('SIGUSR2', this.onSignal.bind(this)); //@
      }
      onSignal() { return this.state; } //@
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
{ cause: ['listeners'], name: ['$tick'], line: true });
add('listeners: AbortSignal', `
    const $controller = new AbortController();
    require('node:events').setMaxListeners(0, $controller.signal);
    function $request(i, signal) {
      const state = ${record};
      signal.addEventListener('abort', () => state, { once: true }); //@
    }
    drive((i) => { $request(i, $controller.signal); });`,
{ cause: ['listeners'], name: ['abort'], line: true });
add('listeners: AbortSignal.any', `
    const $shutdown = new AbortController();
    function $request(i) {
      const state = ${record};
      const signal = AbortSignal.any([$shutdown.signal, AbortSignal.timeout(3600_000)]);
      signal.addEventListener('abort', () => state); //@
    }
    drive((i) => { $request(i); });`,
{ cause: ['listeners', 'set', 'timers', 'weak'], name: ['abort', '$shutdown', 'gcPersistentSignals', 'AbortSignal'], line: false });
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
{ cause: ['timers'], name: ['$poll', 'setInterval', 'interval'], line: true });
add('timers: class', `
    class $Session {
      constructor(i) {
        this.state = ${record};
        this.timer = setInterval(() => this.tick(), 600_000); //@
      }
      tick() { return this.state; }
    }
    drive((i) => { new $Session(i); });`,
{ cause: ['timers'], name: ['$Session', 'setInterval', 'interval'], line: true });
add('timers: timeout, ES module', `
    export function $later(i) {
      const message = ${record};
      setTimeout(function $send() { return message; }, 7_200_000); //@
    }
    drive((i) => { $later(i); });`,
{ cause: ['timers'], name: ['$send', 'setTimeout', 'timeout'], line: true }, 'esm');
add('timers: bundle', {
  '$lib.js': `
    export function $schedule(i) {
      const job = ${record};
      setTimeout(() => { job.done = true; }, 86_400_000); //@
    }`,
  'main.js': `
    import { $schedule } from './$lib.js';
    drive((i) => { $schedule(i); });`,
}, { cause: ['timers'], name: ['$schedule', 'setTimeout', 'timeout'], file: '$lib.js', line: true }, 'bundle');

// -------------------------------------------------------------------------------------- promises
add('promises: await on one that never settles', `
    const $never = new Promise(() => {}); //@
    async function $work(i) { //@
      const data = ${record};
      await $never;
      return data;
    }
    drive((i) => { $work(i); });`,
{ cause: ['promises'], name: ['$never', '$work'], line: true });
add('promises: race with a long-lived one', `
    const $closed = new Promise(() => {}); //@
    async function $request(i) {
      const answer = await Promise.race([$closed, Promise.resolve(${record})]);
      return answer.id;
    }
    drive((i) => $request(i));`,
{ cause: ['promises'], name: ['$closed'], line: true });
add('promises: resolvers kept', `
    class $Client {
      constructor() { this.$waiting = new Map(); } //@
      call(i) { return new Promise((resolve, reject) => { this.$waiting.set(i, { resolve, reject, request: ${record} }); }); }
    }
    const $client = new $Client();
    drive((i) => { $client.call(i); });`,
{ cause: ['promises', 'map'], name: ['$waiting'], line: true });
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

// --------------------------------------------------------------------------------------- closure
add('closure: over big data', `
    const $handlers = []; //@
    function $register(i) {
      const $dataset = Array.from({ length: 200 }, (_, k) => i + k + 0.5);
      const small = i;
      $handlers.push(() => small + $dataset.length); //@
    }
    drive((i) => { $register(i); });`,
{ cause: ['closure', 'array'], name: ['$handlers', '$dataset'], line: true });
add('closure: chain', `
    let $thing = null; //@
    function $replace(i) {
      const original = $thing;
      const unused = function () { if (original) return original; };
      $thing = { text: ${blob}, method: function $method() { return unused; } }; //@
    }
    drive((i) => { $replace(i); });`,
{ cause: ['closure'], name: ['$thing'], line: true });
add('closure: memoised in an object, ES module', `
    const $plans = {}; //@
    export function $compile(i) {
      const $model = { rows: Array.from({ length: 60 }, (_, k) => ({ k, i })) };
      $plans['p' + i] = () => $model.rows.length; //@
    }
    drive((i) => { $compile(i); });`,
{ cause: ['closure', 'object'], name: ['$plans', '$model'], line: true }, 'esm');
add('closure: class field', `
    class $Router {
      constructor() { this.$hooks = new Set(); } //@
      use(fn) { this.$hooks.add(fn); }
    }
    const $router = new $Router();
    function $mount(i) {
      const $state = new Array(300).fill(i + 0.5);
      $router.use(() => $state[0]); //@
    }
    drive((i) => { $mount(i); });`,
{ cause: ['closure', 'set'], name: ['$hooks', '$state'], line: true });

// --------------------------------------------------------------------------------------- buffers
add('buffers: array', `
    const $chunks = []; //@
    function $receive(i) { $chunks.push(Buffer.alloc(16384, i)); }
    drive((i) => { $receive(i); });`,
{ cause: ['buffers', 'array'], name: ['$chunks'], line: true });
add('buffers: slices pin their slab', `
    class $Parser {
      constructor() { this.$heads = []; } //@
      feed(chunk) { this.$heads.push(chunk.subarray(0, 8)); }
    }
    const $parser = new $Parser();
    drive((i) => { $parser.feed(Buffer.alloc(65536, i)); });`,
{ cause: ['buffers', 'array'], name: ['$heads'], line: true });
add('buffers: Map, ES module', `
    export const $images = new Map(); //@
    drive((i) => { $images.set('img' + i, new Uint8Array(20000).fill(i)); });`,
{ cause: ['buffers', 'map'], name: ['$images'], line: true }, 'esm');
add('buffers: one that is replaced by a longer one', `
    let $body = Buffer.alloc(0); //@
    function $append(i) { $body = Buffer.concat([$body, Buffer.alloc(2048, i)]); }
    drive((i) => { $append(i); });`,
{ cause: ['buffers'], name: ['$body'], line: true });
add('buffers: WebAssembly memory', `
    class $Engine {
      constructor() { this.$heap = new WebAssembly.Memory({ initial: 1, maximum: 2000 }); } //@
      grow() { this.$heap.grow(1); return this.$heap.buffer.byteLength; }
    }
    const $engine = new $Engine();
    drive((i) => { if (i % 10 === 0) $engine.grow(); });`,
{ cause: ['buffers', 'other'], name: ['$heap'], line: true });
add('other: a string that grows', `
    let $report = ''; //@
    drive((i) => { $report += 'line ' + ${blob} + '\\n'; });`,
{ cause: ['other'], name: ['$report'], line: true });

// --------------------------------------------------------------------------------------- streams
add('streams: one that is never read', `
    const { PassThrough } = require('node:stream');
    const $tee = new PassThrough(); //@
    function $log(i) { $tee.write(${blob}); }
    drive((i) => { $log(i); });`,
{ cause: ['streams'], name: ['$tee'], line: true });
add('streams: class field', `
    const { Writable } = require('node:stream');
    class $Sink {
      constructor() { this.$out = new Writable({ write() { /* never calls back */ } }); } //@
      send(i) { this.$out.write(Buffer.from(${blob})); }
    }
    const $sink = new $Sink();
    drive((i) => { $sink.send(i); });`,
{ cause: ['streams'], name: ['$out'], line: true });
add('streams: many, never consumed', `
    const { Readable } = require('node:stream');
    const $uploads = new Map(); //@
    function $accept(i) { $uploads.set(i, Readable.from([${blob}, 'tail'])); }
    drive((i) => { $accept(i); });`,
{ cause: ['streams', 'map'], name: ['$uploads'], line: true });
add('streams: pipes into one destination, ES module', `
    import { PassThrough } from 'node:stream';
    export const $mixer = new PassThrough(); //@
    $mixer.setMaxListeners(0);
    $mixer.resume();
    export function $join(i) { const $source = new PassThrough(); $source.meta = ${record}; $source.pipe($mixer, { end: false }); }
    drive((i) => { $join(i); });`,
{ cause: ['streams', 'listeners'], name: ['$mixer', 'unpipe', 'drain', 'error', 'close'], line: false }, 'esm');

// --------------------------------------------------------------------------------------- sockets
add('sockets: an agent for each request', {
  '$client.js': `
    const http = require('node:http');
    const $agents = []; //@
    exports.get = (port) => new Promise((resolve, reject) => {
      const agent = new http.Agent({ keepAlive: true });
      $agents.push(agent);
      http.get({ port, host: '127.0.0.1', agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
    });`,
  'main.js': `
    const http = require('node:http');
    const { get } = require('./$client.js');
    const server = http.createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => drive(() => get(server.address().port), { scale: 0.4, warm: 10 }));`,
}, { cause: ['sockets', 'array'], name: ['$agents'], file: '$client.js', line: true });
add('sockets: connections never closed', {
  'main.js': `
    const net = require('node:net');
    class $Gateway {
      constructor() { this.$peers = new Set(); } //@
      accept(socket) { this.$peers.add(socket); socket.on('error', () => {}); }
    }
    const $gateway = new $Gateway();
    const server = net.createServer((socket) => $gateway.accept(socket)).listen(0, '127.0.0.1', () => {
      const child = require('node:child_process').fork(__dirname + '/$peer.js', [String(server.address().port)], { execArgv: [], env: {} });
      process.on('exit', () => child.kill());
      const waiting = [];
      server.on('connection', () => waiting.shift()?.());
      drive(() => new Promise((resolve) => { waiting.push(resolve); child.send('dial'); }), { scale: 0.4, warm: 10 });
    });`,
  '$peer.js': `
    const net = require('node:net');
    process.on('message', () => { net.connect(Number(process.argv[2]), '127.0.0.1').on('error', () => {}); });
    process.on('disconnect', () => process.exit());`,
}, { cause: ['sockets', 'set'], name: ['$peers'], line: true });
add('sockets: a keep-alive agent with many hosts', {
  'main.js': `
    const http = require('node:http');
    class $Proxy { constructor() { this.$agent = new http.Agent({ keepAlive: true, maxFreeSockets: 100 }); } } //@
    const $proxy = new $Proxy();
    const server = http.createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      drive((i) => new Promise((resolve, reject) => {
        http.get({ port, host: '127.' + (i >> 7 & 127) + '.' + (i & 127) + '.1', agent: $proxy.$agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      }), { scale: 0.4, warm: 10 });
    });`.replace("'127.0.0.1', () => {\n      const { port }", "() => {\n      const { port }"),
}, { cause: ['sockets'], name: ['$agent', 'freeSockets'], line: true });

// ------------------------------------------------------------------------------------------ weak
add('weak: values under a key that lives', `
    const $private = new WeakMap(); //@
    class $Service {}
    const $service = new $Service();
    $private.set($service, { $history: [] }); //@
    drive((i) => { $private.get($service).$history.push(${record}); });`,
{ cause: ['weak', 'array'], name: ['$history', '$private', '$service'], line: true });
add('weak: memoised per function', {
  '$memo.js': `
    const $stores = new WeakMap(); //@
    module.exports = (fn) => {
      const $cache = new Map(); //@
      const memoized = (key) => { const map = $stores.get(memoized); if (!map.has(key)) map.set(key, { value: fn(key) }); return map.get(key); };
      $stores.set(memoized, $cache);
      return memoized;
    };`,
  'main.js': `
    const $load = require('./$memo.js')((i) => (${record}));
    drive((i) => { $load(i); });`,
}, { cause: ['weak', 'map'], name: ['$cache', '$stores', '$load'], file: '$memo.js', line: true });
add('weak: keys that live, ES module', `
    const $extra = new WeakMap(); //@
    const $users = []; //@
    export function $join(i) { const user = { i }; $users.push(user); $extra.set(user, ${record}); }
    drive((i) => { $join(i); });`,
{ cause: ['weak', 'array'], name: ['$extra', '$users'], line: true }, 'esm');
add('weak: FinalizationRegistry and WeakRef', `
    class $Cache {
      constructor() { this.$refs = new Map(); this.registry = new FinalizationRegistry(() => {}); } //@
      put(key, value) { this.$refs.set(key, new WeakRef(value)); this.registry.register(value, key); }
    }
    const $cache = new $Cache();
    drive((i) => { $cache.put('key ' + ${blob}, { i }); });`,
{ cause: ['map', 'weak'], name: ['$refs'], line: true });

// ------------------------------------------------------------------------------ AsyncLocalStorage
add('AsyncLocalStorage: stores held by intervals', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $context = new AsyncLocalStorage();
    function $serve(i) {
      $context.run(${record}, () => { setInterval(() => $context.getStore(), 3_600_000); }); //@
    }
    drive((i) => { $serve(i); });`,
{ cause: ['timers'], name: ['$serve', 'setInterval', 'interval'], line: true });
add('AsyncLocalStorage: a store that collects', `
    const { AsyncLocalStorage } = require('node:async_hooks');
    const $als = new AsyncLocalStorage();
    const $root = { $spans: [] }; //@
    drive((i) => $als.run($root, async () => { await null; $als.getStore().$spans.push(${record}); }));`,
{ cause: ['array'], name: ['$spans'], line: true });

// --------------------------------------------------------------------------------------- packages
add('a package in node_modules', {
  'node_modules/$pkg/package.json': `{ "name": "$pkg", "version": "3.1.4", "main": "lib/index.js" }`,
  'node_modules/$pkg/lib/index.js': `
    var $memo = {}; //@
    module.exports = function $parse(text) { return $memo[text] || ($memo[text] = { text: text, parts: text.split('') }); };`,
  'main.js': `
    const $parse = require('$pkg');
    drive((i) => { $parse('route/' + i + '/with/some/segments'); });`,
}, { cause: ['object'], name: ['$memo'], file: 'lib/index.js', line: true, package: '$pkg' });

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

module.exports = { programs };
