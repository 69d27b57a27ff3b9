'use strict';
// The variable that holds what stays, and where the source declares it.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { EventEmitter } = require('node:events');
const { buildSync } = require('esbuild');
const { expectNoLeak } = require('plimsoll/test');
const { Holders } = require('../../lib/test/holders.js');
const { Reachable } = require('../../lib/test/reachable.js');
const { declarationIn } = require('../../lib/test/scripts.js');
const { noHooks } = require('../support/hooks.js');

const few = { iterations: 100, warmup: 300 };

class Store {
  #byId = new Map();
  add(i) {
    this.#byId.set(i, { i });
  }
}

const store = new Store();
const api = { cache: { users: {} } };
const bus = new EventEmitter();
let log = '';
let chain = null;

/** The line of this file that declares a variable. */
const lineOf = (declaration) =>
  fs
    .readFileSync(__filename, 'utf8')
    .split('\n')
    .findIndex((line) => line.startsWith(declaration)) + 1;

const leakOf = (fn, options) => expectNoLeak(fn, options).then(assert.fail, (error) => error);

test('a table in a private field, and one behind properties, are named with the line of their variable', async () => {
  const inField = await leakOf((i) => store.add(i), few);
  assert.deepEqual(inField.tables[0].holder, {
    variable: 'store.#byId',
    file: __filename,
    line: lineOf('const store'),
  });
  assert.match(
    inField.message,
    new RegExp(`a Map in store\\.#byId \\(\\S+holders\\.test\\.js:${lineOf('const store')}\\) keeps 1 more`),
  );
  const inObject = await leakOf((i) => void (api.cache.users[`u${i}`] = i), few);
  assert.deepEqual(inObject.tables[0].holder, {
    variable: 'api.cache.users',
    file: __filename,
    line: lineOf('const api'),
  });
});

test('the emitter of listeners is named by its variable', async () => {
  const { message, listeners } = await leakOf((i) => bus.on('x', () => i), few);
  bus.removeAllListeners();
  assert.deepEqual(listeners.holder, { variable: 'bus', file: __filename, line: lineOf('const bus') });
  assert.equal('target' in listeners, false);
  assert.match(message, /'x' of an emitter \(EventEmitter\) in bus \(/);
});

test('a string that grows is named by its variable', async () => {
  const { message, string } = await leakOf((i) => void (log += `line ${i} of the log\n`));
  assert.deepEqual(string.holder, { variable: 'log', file: __filename, line: lineOf('let log') });
  assert.ok(string.length <= log.length);
  assert.match(message, /a string in log \(\S+:\d+\) grows with each call and has [\d,]+ characters/);
});

test('a chain is named by the variable that holds its head', async () => {
  const { message, chain: found } = await leakOf((i) => void (chain = { prev: chain, a: i, b: i, c: i }));
  assert.deepEqual(found.holder, { variable: 'chain', file: __filename, line: lineOf('let chain') });
  assert.equal(found.property, 'prev');
  assert.ok(chain !== null && found.links > 10_000);
  assert.match(message, /a chain in chain \(\S+:\d+\) has [\d,]+ objects or more, each held by `prev` of the next/);
});

test('timers that are cleared, and those that fire, are not named', async () => {
  const kept = new Map();
  const { timers } = await leakOf((i) => {
    clearTimeout(setTimeout(() => {}, 1e6));
    kept.set(i, { i });
  }, few);
  assert.equal(timers, null);
});

test('a ring is no chain', () => {
  const ring = { next: null };
  ring.next = ring;
  for (let left = 100; left > 0; left--) ring.next = { next: ring.next };
  const seen = new Reachable(test, (fn) => (fn === test ? [{ ring }] : []));
  assert.equal(new Holders(seen, null, null).chains().size, 0);
});

test('the declaration of a variable is the nearest one before the function, or else the first one after it', () => {
  const source = [
    'const a = 1;',
    'function f() {',
    '  let a, b;',
    '  return () => a;',
    '}',
    'const { x, y: c$ } = f();',
  ].join('\n');
  assert.deepEqual(declarationIn(source, 'a', 3), { line: 3, column: 7 });
  assert.deepEqual(declarationIn(source, 'a', 1), { line: 1, column: 7 });
  assert.deepEqual(declarationIn(source, 'c$', 1), { line: 6, column: 15 });
  assert.equal(declarationIn(source, 'y', 1), null);
  assert.deepEqual(declarationIn('let typed: Map<string, number>;', 'typed', 0), { line: 1, column: 5 });
});

test('compiled code has the lines of its source, by an inline map and by one beside it, with coverage too', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-lines-'));
  try {
    const source = path.join(dir, 'leak.ts');
    fs.writeFileSync(source, LEAK);
    for (const sourcemap of ['inline', 'linked']) {
      const outfile = path.join(dir, 'out', `${sourcemap}.js`);
      buildSync({ entryPoints: [source], outfile, sourcemap, minify: true, platform: 'node', format: 'cjs' });
      const script = `require('plimsoll/test').expectNoLeak(require(${JSON.stringify(outfile)}).remember, ${JSON.stringify(few)}).catch(({ sites, tables: [{ holder }] }) => console.log(JSON.stringify({ sites, holder })))`;
      const env = { ...process.env, NODE_V8_COVERAGE: path.join(dir, 'coverage'), NODE_TEST_CONTEXT: undefined };
      const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], {
        cwd: path.join(__dirname, '../..'),
        env,
        encoding: 'utf8',
      });
      assert.notEqual(stdout, '', stderr);
      const { sites, holder } = JSON.parse(stdout);
      assert.deepEqual([fs.realpathSync(holder.file), holder.line], [fs.realpathSync(source), 6]);
      // The site comes from V8's sampling.
      if (!noHooks) assert.ok(sites.some(({ file, line }) => file === holder.file && line === 8));
    }
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
});

// The last one that measures: its timers stay.
test('timers that stay active are named by the line that starts them, not a chain that is constant', async () => {
  let list = null;
  for (let i = 0; i < 20_000; i++) list = { next: list };
  const { message, timers, chain: found } = await leakOf((i) => void setInterval(() => [list, i], 1e6).unref());
  const line = lineOf('  const { message, timers');
  assert.deepEqual([timers.kind, timers.site.file, timers.site.line], ['setInterval', __filename, line]);
  assert.equal(timers.active, timers.started);
  assert.equal(found, null);
  assert.match(
    message,
    new RegExp(`timers of setInterval stay active, started at \\S+holders\\.test\\.js:${line}: clear`),
  );
});

const LEAK = `// A comment, and types.
interface Named {
  i: number;
}

export const names = new Map<number, Named>();

export function remember(i: number): void {
  names.set(i, { i });
}
`;
