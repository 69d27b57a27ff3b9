'use strict';
// Functions and their scopes, buffers, streams, sockets, weak references.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

// --------------------------------------------------------------------------------------- closure
add('closure: over big data', `
    const $handlers = []; //@
    function $register(i) {
      const $dataset = Array.from({ length: 200 }, (_, k) => i + k + 0.5);
      const small = i;
      $handlers.push(() => small + $dataset.length); //@
    }
    drive((i) => { $register(i); });`,
{ cause: ['closure', 'array'], name: ['$handlers', '$dataset'], line: true, captured: '$dataset', advice: /functions retain `/ });
add('closure: chain', `
    let $thing = null; //@
    function $replace(i) {
      const original = $thing;
      const unused = function () { if (original) return original; };
      $thing = { text: ${blob}, method: function $method() { return unused; } }; //@
    }
    drive((i) => { $replace(i); });`,
{ cause: ['closure'], name: ['$thing'], line: true, captured: 'original' });
add('closure: memoised in an object, ES module', `
    const $plans = {}; //@
    export function $compile(i) {
      const $model = { rows: Array.from({ length: 60 }, (_, k) => ({ k, i })) };
      $plans['p' + i] = () => $model.rows.length; //@
    }
    drive((i) => { $compile(i); });`,
{ cause: ['closure', 'object'], name: ['$plans', '$model'], line: true, captured: '$model' }, 'esm');
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
{ cause: ['closure', 'set'], name: ['$hooks', '$state'], line: true, captured: '$state' });

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
{ cause: ['streams', 'listeners'], name: ['$mixer', 'unpipe', 'drain', 'error', 'close'], line: false, advice: /unpipe/ }, 'esm');

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
}, { cause: ['sockets', 'array'], name: ['$agents'], file: '$client.js', line: true, advice: /http\.Agent/ });
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
}, { cause: ['sockets', 'set'], name: ['$peers'], line: true, advice: /remove the connection/ });
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
}, { cause: ['sockets'], name: ['$agent', 'freeSockets'], line: true, advice: /http\.Agent/ });
add('sockets: responses that are never read', `
    const http = require('node:http');
    const $agent = new http.Agent({ keepAlive: true }); //@
    const server = http.createServer((req, res) => { res.write('x'.repeat(2 ** 17)); res.end('y'); });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      drive(() => new Promise((resolve, reject) => { http.get({ port, host: '127.0.0.1', agent: $agent }, () => resolve()).on('error', reject); }), { scale: 0.4, warm: 10 });
    });`,
{ cause: ['sockets'], name: ['$agent'], line: true, advice: /read each response to its end/ });

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
add('set: the targets of a FinalizationRegistry', `
    const $targets = new Set(); //@
    const $registry = new FinalizationRegistry(() => {});
    function $open(i) { const target = ${record}; $targets.add(target); $registry.register(target, i); }
    drive((i) => { $open(i); });`,
{ cause: ['set'], name: ['$targets'], line: true });
add('weak: a held value that keeps what it is registered for', `
    const $registry = new FinalizationRegistry((held) => { held.$file.closed = true; }); //@
    function $open(i) { const $file = ${record}; $registry.register($file, { $file }); }
    drive((i) => { $open(i); });`,
{ cause: ['weak'], name: ['$registry'], line: true, countById: 300, advice: /unregister/ });
add('weak: held values of what lives on, class field, ES module', `
    class $Pool {
      #$released = new FinalizationRegistry((held) => held.rows.clear()); //@
      $open = [];
      connect(i) { const connection = { i }; this.$open.push(connection); this.#$released.register(connection, ${record}, connection); }
    }
    const $pool = new $Pool();
    drive((i) => { $pool.connect(i); });`,
{ cause: ['weak'], name: ['$released'], line: true, advice: /unregister/ }, 'esm');

add('sockets: requests that wait for a connection, ES module', `
    import http from 'node:http';
    const $agent = new http.Agent({ keepAlive: true, maxSockets: 1 }); //@
    const server = http.createServer(() => { /* never answers */ });
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      const $ask = (i) => { http.get({ port, host: '127.0.0.1', agent: $agent, path: '/' + i }).on('error', () => {}); };
      drive((i) => { $ask(i); }, { scale: 0.5 });
    });`,
{ cause: ['sockets'], name: ['$agent', 'requests', 'sockets'], line: true, advice: /http\.Agent/ }, 'esm');

module.exports = programs;
