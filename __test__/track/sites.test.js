'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const vm = require('node:vm');
const { pathToFileURL } = require('node:url');
const { execFileSync } = require('node:child_process');
const { TrackedEventEmitter, trackEmitter } = require('../..');
const { rank, refill } = require('../../lib/track/sites.js');

function sitesOf(emitter) {
  const tracker = trackEmitter(emitter);
  return tracker.report().events.flatMap((event) => event.sites);
}

function temporary(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-track-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a user's prepareStackTrace and stackTraceLimit are as they were, and are not called", (t) => {
  const before = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const limit = Error.stackTraceLimit;
  t.after(() => {
    Error.stackTraceLimit = limit;
    if (before === undefined) delete Error.prepareStackTrace;
    else Object.defineProperty(Error, 'prepareStackTrace', before);
  });
  let calls = 0;
  const users = (error) => {
    calls++;
    return `mine: ${error.message}`;
  };
  Error.prepareStackTrace = users;
  Error.stackTraceLimit = 0;
  const emitter = new TrackedEventEmitter();
  emitter.on('x', () => {});
  assert.equal(calls, 0);
  assert.equal(Error.prepareStackTrace, users);
  assert.equal(Error.stackTraceLimit, 0);
  assert.equal(new Error('e').stack, 'mine: e');
  assert.equal(sitesOf(emitter)[0].file, __filename);
  delete Error.prepareStackTrace;
  delete Error.stackTraceLimit;
  emitter.on('y', () => {});
  assert.ok(!Object.hasOwn(Error, 'prepareStackTrace') && !Object.hasOwn(Error, 'stackTraceLimit'));
});

test('where Error is frozen there are counts, and no sites', () => {
  const script = `
    const { TrackedEventEmitter, tracked } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    Object.freeze(Error);
    const emitter = new TrackedEventEmitter({ name: 'x' });
    emitter.on('a', () => {});
    const [event] = tracked().emitters[0].events;
    process.stdout.write(JSON.stringify([event.count, event.sites[0].file]));`;
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, ['-e', script])), [1, null]);
});

/** A bundle of one line, whose map leads to routes/login.ts, line 7 column 3. */
function bundle(folder, reference) {
  const file = path.join(folder, 'bundle.js');
  fs.writeFileSync(file, `module.exports = (e) => { e.on('x', () => {}); };\n//# sourceMappingURL=${reference}\n`);
  return file;
}

// VLQ: generated column 0 (and 25), source 0, line +6, column +2.
const MAP = JSON.stringify({ version: 3, sources: ['routes/login.ts'], names: [], mappings: 'AAME,yBAAA' });

for (const [kind, reference] of [
  ['beside the bundle', 'bundle.js.map'],
  ['inline', `data:application/json;base64,${Buffer.from(MAP).toString('base64')}`],
]) {
  test(`a source map ${kind} leads to the source, without --enable-source-maps`, (t) => {
    const folder = temporary(t);
    fs.writeFileSync(path.join(folder, 'bundle.js.map'), MAP);
    const emitter = new TrackedEventEmitter();
    require(bundle(folder, reference))(emitter);
    const [site] = sitesOf(emitter);
    assert.deepEqual([site.file, site.line, site.column], [path.join(folder, 'routes/login.ts'), 7, 3]);
  });
}

test('a map that is missing, damaged or no map leaves the position of the bundle', (t) => {
  for (const content of [null, '', '{', '[]', '{"version":3}']) {
    const folder = temporary(t);
    if (content !== null) fs.writeFileSync(path.join(folder, 'bundle.js.map'), content);
    const file = bundle(folder, 'bundle.js.map');
    const emitter = new TrackedEventEmitter();
    require(file)(emitter);
    const [site] = sitesOf(emitter);
    assert.deepEqual([site.file, site.line], [file, 1]);
  }
});

test('only some source maps stay in memory', (t) => {
  const folders = Array.from({ length: 9 }, () => temporary(t));
  const [first] = folders.map((folder) => {
    fs.writeFileSync(path.join(folder, 'bundle.js.map'), MAP);
    const file = bundle(folder, 'bundle.js.map');
    const emitter = new TrackedEventEmitter();
    require(file)(emitter);
    assert.equal(sitesOf(emitter)[0].file, path.join(folder, 'routes/login.ts'));
    return file;
  });
  // Read again, it is not there any more.
  fs.rmSync(`${first}.map`);
  const emitter = new TrackedEventEmitter();
  const compiled = { exports: null };
  // Another position of it, which was not asked for.
  vm.runInThisContext(`(module) => {${fs.readFileSync(first, 'utf8')}}`, { filename: first })(compiled);
  compiled.exports(emitter);
  assert.equal(sitesOf(emitter)[0].file, first);
});

test('an ES module has a path, and code from a string the name that V8 has for it', async (t) => {
  const file = path.join(temporary(t), 'module.mjs');
  fs.writeFileSync(file, `export default (e) => {\n  e.on('x', () => {});\n};\n`);
  const emitter = new TrackedEventEmitter();
  (await import(pathToFileURL(file).href)).default(emitter);
  vm.runInThisContext("(e) => e.on('y', () => {})", { filename: 'template-7' })(emitter);
  const [first, second] = sitesOf(emitter);
  assert.deepEqual([first.file, first.line], [file, 2]);
  assert.deepEqual([second.file, second.line], ['template-7', 1]);
});

test('where a package adds the listener, the caller is the application', (t) => {
  const folder = path.join(temporary(t), 'node_modules', 'on-change');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'index.js');
  fs.writeFileSync(file, `module.exports = function onChange(e) {\n  e.once('change', () => {});\n};\n`);
  const emitter = new TrackedEventEmitter();
  function application() {
    require(file)(emitter);
  }
  application();
  const [site] = sitesOf(emitter);
  assert.deepEqual([site.function, site.file, site.line], ['onChange', file, 2]);
  assert.deepEqual([site.caller.function, site.caller.file], ['application', __filename]);
});

test('the counts of sites add up to what is known of them', () => {
  const ids = [...Array(20).keys()];
  for (let known = 1; known < 30; known++)
    for (let most = 1; most <= 10; most++) {
      const ranked = rank(new Map(ids.slice(0, most).map((id) => [id, 1])), known, known);
      assert.equal(
        ranked.reduce((sum, { count }) => sum + count, 0),
        known,
      );
      assert.ok(ranked.every(({ count }) => Math.abs(count - known / most) < 1));
    }
});

test('shares are estimated without a bias', () => {
  // Of one burst an estimate is rough; of fifty bursts the mean is not.
  const shares = Array.from({ length: 50 }, () => {
    for (let i = 0; i < 6; i++) refill();
    const emitter = new TrackedEventEmitter();
    emitter.setMaxListeners(0);
    const often = () => emitter.on('x', () => {});
    const seldom = () => emitter.on('x', () => {});
    for (let i = 0; i < 4000; i++) (i % 4 === 0 ? seldom : often)();
    const sites = sitesOf(emitter);
    emitter.removeAllListeners();
    const sum = sites.reduce((before, { count }) => before + count, 0);
    // What came after the last sample has no site.
    assert.ok(sum > 3900 && sum <= 4000, String(sum));
    return sites.find((site) => site.function === 'often')?.share ?? 0;
  });
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  assert.ok(mean > 0.6 && mean < 0.9, String(mean));
});
