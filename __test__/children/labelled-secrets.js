'use strict';
// A program with labelled secrets of every kind that a heap, a report or a metric can show. It writes all outputs of
// plimsoll to OUT, with redaction on or off, and the labels to LABELS. Secret number n is `${MARK}_${n}_`.

const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { PassThrough } = require('node:stream');
const { pathToFileURL } = require('node:url');
const vm = require('node:vm');
const { requireNative } = require('../../lib/native.js');
// Before the watch: the profile of another profiler, with finer samples, is read as it is.
requireNative().startAllocationSampling(2048, 32);
const plimsoll = require('../../index.js');
const { Watcher, INTERNAL } = require('../../lib/watch/watcher.js');
const { collectMetrics } = require('../../lib/adapters/prometheus.js');
const { AllocationSampler, growth } = require('../../lib/track/allocation.js');
const { shownAs } = require('../../lib/report/shown.js');

const { MARK, OUT, LABELS } = process.env;
const redact = process.env.REDACTED === '1';
const labels = [];
/** The next secret, under its label; in one piece, since V8 does not show the text of a concatenation. */
const secret = (label) => Buffer.from(`${MARK}_${labels.push(label) - 1}_`).toString('latin1');
const held = [];
globalThis.plantedSecrets = held;
/** Many live objects of a function: a sample of the allocation profile. */
const LIVE = 'Array.from({ length: 400 }, (_, n) => ({ n, rows: new Array(8).fill(n) }))';

function* hold(kept) {
  yield kept;
}

const STRINGS = {
  'a string': (s) => s,
  'a concatenated string': (s) => `a long enough head of a rope, ${s}`.concat(' and its tail'),
  'a sliced string': (s) => `${s} is cut out of a longer string, which it keeps alive`.slice(0, s.length + 3),
  'a two-byte string': (s) => `${s} \u20ac`,
  'a long string': (s) => s.repeat(300),
  'a bearer token': (s) => `Bearer ${s}`,
  'an element of an array': (s) => [s],
  'a key of a Map': (s) => new Map([[s, {}]]),
  'a value of a Map': (s) => new Map([[{}, s]]),
  'a member of a Set': (s) => new Set([s]),
  'a value of a WeakMap': (s) => [new WeakMap([[held, s]])],
  'text of JSON': (s) => JSON.parse(`{"a":"${s}"}`),
  'a URL': (s) => new URL(`https://example.com/${s}`),
  'a password of a URL': (s) => new URL(`https://user:${s}@example.com/`),
  'search parameters': (s) => new URLSearchParams({ token: s }),
  'a header': (s) => new Headers({ authorization: s }),
  'a regular expression': (s) => new RegExp(s),
  'an error message': (s) => new Error(s),
  'an error cause': (s) => new Error('x', { cause: s }),
  'an error stack': (s) => Object.assign(new Error('x'), { stack: s }),
  'an AggregateError': (s) => new AggregateError([new Error(s)], s),
  'a bound argument': (s) => fs.existsSync.bind(null, s),
  'a closed variable': (s) => () => s,
  'a generator': (s) => hold(s),
  'a promise': (s) => Promise.resolve(s),
  'a proxy target': (s) => new Proxy({ text: s }, {}),
  'a private field': (s) => new (class { #pin = s; pin() { return this.#pin; } })(),
  'a stored context': (s) => { const store = new AsyncLocalStorage(); store.run(s, () => held.push(setTimeout(() => {}, 1e6).unref())); return store; },
  "a timer's argument": (s) => setTimeout(() => {}, 1e6, s).unref(),
  'a Buffer': (s) => Buffer.from(s),
  'text of a Buffer': (s) => Buffer.from(s).toString('latin1'),
  'an ArrayBuffer': (s) => new TextEncoder().encode(s).buffer,
  'an environment variable': (s) => { process.env.PLANTED_VALUE = s; return process.env.PLANTED_VALUE; },
  'the name of an environment variable': (s) => { process.env[s] = '1'; return Object.keys(process.env); },
  'written to a stream': (s) => { const stream = new PassThrough(); stream.write(s); return stream; },
  'a date that is none': (s) => new Date(s),
  'a template object': (s) => ((strings) => strings)`${s}`,
  'a getter\'s value': (s) => ({ get text() { return s; } }),
  'a raw body': (s) => ({ body: JSON.stringify({ user: s }) }),
  'a base64 string': (s) => Buffer.from(s).toString('base64'),
  'a hex string': (s) => Buffer.from(s).toString('hex'),
};

const KEYS = {
  'a key': (s) => ({ [s]: {} }),
  'a key like an address': (s) => ({ [`${s}@example.com`]: {} }),
  'a key of an object without prototype': (s) => Object.assign(Object.create(null), { [s]: 1 }),
  'a key of a large dictionary': (s) => Object.fromEntries([[s, {}], ...Array.from({ length: 1500 }, (_, n) => [`k${n}`, {}])]),
  'a key of JSON': (s) => JSON.parse(`{"${s}":{"${s}":1}}`),
  'an accessor': (s) => Object.defineProperty({}, s, { get: () => 1, enumerable: true }),
  'a key of an array': (s) => Object.assign([], { [s]: {} }),
  'a key of a function': (s) => Object.assign(() => {}, { [s]: {} }),
  'a key of a typed array': (s) => Object.assign(new Uint8Array(4), { [s]: {} }),
  'a static key of a class': (s) => class { static [s] = {}; },
  'a field of a class': (s) => new (class { [s] = {}; })(),
  'a global variable': (s) => { globalThis[s] = {}; return {}; },
  'a symbol': (s) => Symbol(s),
  'a registered symbol': (s) => Symbol.for(s),
  'a key that is a symbol': (s) => ({ [Symbol(s)]: {} }),
  'a tag': (s) => ({ [Symbol.toStringTag]: s }),
  'a cookie jar': (s) => ({ cookies: { [s]: { value: 1 } } }),
  'a key of a WeakMap table': (s) => { const key = { [s]: 1 }; return [key, new WeakMap([[key, key]])]; },
  'a group': (s) => ({ ...'x'.match(new RegExp(`(?<${s.replaceAll('_', 'x')}y${s}>x)`)).groups }),
  'a key of a header object': (s) => ({ headers: { [`x-${s}`]: '1' } }),
};

const NAMES = {
  'the name of a class': (s) => new ({ [s]: class {} })[s](),
  'a class made of text': (s) => vm.runInThisContext(`new (class ${s} { constructor() { this.a = {}; } })()`),
  'a class by new Function': (s) => new Function(`return new (class ${s} {})()`)(),
  'a method': (s) => ({ [s]() {} }),
  'a function that was renamed': (s) => Object.defineProperty(() => {}, 'name', { value: s }),
  'a function by new Function': (s) => new Function(`return function ${s}() { return ${LIVE}; }`)()(),
  'a parameter of new Function': (s) => new Function(s, `return () => ${s}`)(1),
  'a variable of eval': (s) => vm.runInThisContext(`(() => { let ${s} = {}; return () => ${s}; })()`),
  'a function with a display name': (s) => Object.assign(() => {}, { displayName: s }),
  'a class of streams': (s) => { const stream = new ({ [s]: class extends PassThrough {} })[s](); stream.write('x'); return stream; },
  'an error class': (s) => new ({ [s]: class extends Error {} })[s](),
  'a Map class': (s) => new ({ [s]: class extends Map {} })[s]([[1, 1]]),
  'an emitter class': (s) => new ({ [s]: class extends EventEmitter {} })[s]().on('x', () => {}),
  'an inferred name': (s) => vm.runInThisContext(`const ${s}x = {}; ${s}x.${s}y = function () { return {}; }; ${s}x`),
};

/** Scripts whose names are data; each allocates, so that the profile has them. */
const SCRIPTS = {
  'a path with a query': (s) => `/srv/app/x.js?token=${s}`,
  'a path with a fragment': (s) => `/srv/app/x.js#${s}`,
  'an existing path with a query': (s) => `${__filename}?token=${s}`,
  'a file URL with a query': (s) => `file:///srv/x.mjs?token=${s}`,
  'an existing file URL with a query': (s) => `${pathToFileURL(__filename)}?token=${s}`,
  'an existing file URL with a fragment': (s) => `${pathToFileURL(__filename)}#${s}`,
  'a path that is none': (s) => `/srv/${s}.js`,
  'a Windows path': (s) => `C:\\srv\\${s}.js`,
  'a UNC path': (s) => `\\\\server\\${s}.js`,
  'a URL': (s) => `https://example.com/x.js?token=${s}`,
  'a relative name': (s) => `${s}.vm`,
  'an identifier': (s) => s,
  'a name in parentheses': (s) => `(${s})`,
  'a name in angle brackets': (s) => `<${s}>`,
  'a name like Node\'s': (s) => `node:${s}`,
  'a name like eval\'s': (s) => `[eval${s}]`,
  'a name like wasm\'s': (s) => `wasm://wasm/${s}`,
  'a name like V8\'s': (s) => `system / ${s}`,
  'a data URL': (s) => `data:text/javascript,${s}`,
  'a name with line feeds': (s) => `/srv/${s}\n/x.js`,
  'a name like a site': (s) => `${s}.js:1:2`,
  'a webpack name': (s) => `webpack://shop/./${s}.js?1234`,
};

const EVENTS = {
  'an event': (s) => s,
  'an event of a user': (s) => `user:${s}`,
  'an event with a colon': (s) => `a: ${s}: b`,
  'an event of words': (s) => `login of ${s}`,
  'an event with quotes': (s) => `"${s}'`,
};

/** A module of the program: its names stay, its data goes. A line of it is quoted in the page. */
const MODULE = () => `'use strict';
const text = '${secret('a literal of a source')}', other = "${secret('a quoted literal of a source')}";
if (text) /\`${secret('a regular expression after a bracket')}/.test('${secret('a literal after a regular expression')}');
const template = \`${secret('a template of a source')} \${ text + \`${secret('a nested template')}\` } ${secret('the end of a template')}\`;
const keyed = { '${secret('a quoted key of a source')}': 1, re: /${secret('a regular expression of a source')}/g };
/* ${secret('a comment of a source')} */ const leaked = new Map([['${secret('a literal beside the declaration')}', \`${secret('a template beside the declaration')}\`]]); // ${secret('a comment beside the declaration')}
let from = 0;
exports.grow = function grow(count) {
  // ${secret('a comment near the declaration')}
  for (const to = from + count; from < to; from++) leaked.set(\`${secret('a template of keys')}\${from}\`, { from, text: '${secret('a literal of values')}' + from });
};
exports.kept = [text, other, template, keyed];
`;

function plantValues() {
  for (const [kind, plants] of Object.entries({ strings: STRINGS, keys: KEYS, names: NAMES })) {
    for (const [label, plant] of Object.entries(plants)) held.push(plant(secret(`${kind}: ${label}`)));
  }
  for (const [label, name] of Object.entries(SCRIPTS)) {
    // The function keeps the script.
    const script = `(function () { return { rows: ${LIVE}, again: () => 1 }; }).call() // ${secret(`text of script: ${label}`)}`;
    held.push(vm.runInThisContext(script, { filename: name(secret(`script: ${label}`)) }));
  }
  held.push(vm.runInThisContext(`(() => ({ rows: ${LIVE}, again: () => 1 }))()\n//# sourceURL=${secret('a sourceURL')}`));
}

function plantTracked() {
  const tracked = new plimsoll.TrackedEventEmitter({ name: secret('the name of a tracked emitter') }).setMaxListeners(0);
  const other = new EventEmitter().setMaxListeners(0);
  plimsoll.trackEmitter(other, { name: secret('the name of an emitter') });
  const target = new EventTarget();
  plimsoll.trackEventTarget(target);
  for (const [label, name] of Object.entries(EVENTS)) {
    for (const [of, add] of [['tracked', (event) => tracked.on(event, () => {})], ['plain', (event) => other.on(event, () => {})], ['target', (event) => target.addEventListener(event, () => {})]]) {
      const event = name(secret(`${label} (${of})`));
      for (let n = 0; n < 5; n++) add(event);
    }
  }
  // A listener that is added where the name of the script and of the function are data.
  const adder = vm.runInThisContext(`(emitter, n) => { const add = { ['${secret('a function that adds')}']() { emitter.on('drain', () => {}); } }; for (let i = 0; i < n; i++) Object.values(add)[0](); }`, { filename: `/srv/${secret('a script that adds')}.js` });
  adder(tracked, 50);
  held.push(tracked, other, target);
  held.push(new plimsoll.BoundedMap({ max: 10, name: secret('the name of a BoundedMap') }).set('a', 1));
  held.push(new plimsoll.LRUCache({ max: 10, name: secret('the name of an LRUCache') }));
  held.push(new plimsoll.RingBuffer(10, { name: secret('the name of a RingBuffer') }));
  held.push(new plimsoll.SharedCache(secret('the name of a SharedCache'), { maxBytes: 2 ** 22 }));
  held.push(vm.runInThisContext('(BoundedMap) => new BoundedMap({ max: 10 })', { filename: `/srv/${secret('the script of a cache without a name')}.js` })(plimsoll.BoundedMap));
  process.title = secret('the title of the process');
}

/** A socket to a host whose name is data. */
function plantSocket() {
  const agent = new http.Agent({ keepAlive: true });
  const request = http.request({ agent, host: `${secret('a host')}.invalid`, port: 80, lookup: () => {} });
  request.on('error', () => {}).end();
  held.push(agent, request);
}

async function plantModules(dir) {
  const file = path.join(dir, 'leaky.js');
  fs.writeFileSync(file, MODULE());
  const esm = path.join(dir, 'module.mjs');
  fs.writeFileSync(esm, `export const ledger = ${LIVE}; export const text = '${secret('a literal of an ES module')}';\n`);
  held.push(await import(`${pathToFileURL(esm)}?token=${secret('the query of an import')}`), await import(`${pathToFileURL(esm)}#${secret('the fragment of an import')}`));
  held.push(await import(`data:text/javascript,export const rows = ${LIVE}; export const text = '${secret('text of a data: module')}'; export function ${secret('a function of a data: module')}() {}`));
  return require(file);
}

async function metricsOf(watcher) {
  const metrics = [];
  collectMetrics({ watcher, register: { registerMetric: (metric) => metrics.push(metric), removeSingleMetric() {} } });
  return Promise.all(metrics.map((metric) => metric.get()));
}

async function main() {
  const lines = [];
  const log = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (line) => lines.push(line)]));
  const state = path.join(OUT, 'published.state');
  const watcher = new Watcher({ dir: OUT, redact, track: true, log, interval: 50, window: 5000, snapshotOn: [], [INTERNAL]: { statePath: state } });
  watcher.on('error', (error) => lines.push(String(error)));
  plantValues();
  plantTracked();
  plantSocket();
  const leaky = await plantModules(path.join(LABELS, '..'));
  const shown = shownAs(redact);
  await shown.learn(Object.keys(require.cache));
  const taken = [];
  for (const [n, compress] of (redact ? ['none', 'gzip', 'none'] : ['none']).entries()) {
    leaky.grow(3000);
    taken.push((await plimsoll.takeSnapshot({ dir: OUT, cooldown: 0, redact, method: n === 0 ? 'auto' : 'in-process', compress, headroom: 1 })).path);
  }
  const sampler = new AllocationSampler();
  sampler.start();
  const sites = growth(null, sampler.read(), 500).map((site) => shown.frame(site));
  await watcher.writeHeapProfile();
  const write = (name, value) => fs.writeFileSync(path.join(OUT, name), JSON.stringify(value));
  write('sites.json', sites);
  write('stats.json', watcher.stats());
  write('metrics.json', await metricsOf(watcher));
  write('log.json', lines);
  watcher.stop();
  fs.writeFileSync(LABELS, JSON.stringify(labels));
  process.stdout.write(JSON.stringify({ taken, state }));
  process.exit();
}

void main();
