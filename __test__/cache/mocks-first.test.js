'use strict';
// Fake timers that a program installs after it has loaded plimsoll, but before anything of plimsoll is used.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const execFile = promisify(require('node:child_process').execFile);

const PACKAGE = path.join(__dirname, '../..');

/** What a program prints, which has `mock` and `plimsoll` and runs in a process of its own. */
async function run(program) {
  const script = `
    const { mock } = require('node:test');
    const plimsoll = require(process.argv[1]);
    ${program}
  `;
  const { stdout } = await execFile(process.execPath, ['--expose-gc', '--no-warnings', '-e', script, PACKAGE]);
  return stdout.trim();
}

for (const api of ['setTimeout', 'setInterval', 'Date'])
  test(`a map made under a mocked ${api} does not stop the removal of expired entries`, async () => {
    const printed = await run(`
      mock.timers.enable({ apis: ['${api}'] });
      new plimsoll.BoundedMap({ max: 10, ttl: 500 }).set('first', 1);
      mock.timers.reset();
      const alive = setTimeout(() => {}, 60_000);
      const onEvict = (value, key, reason) => (console.log(key, reason), clearTimeout(alive));
      const map = new plimsoll.BoundedMap({ max: 10, ttl: 50, onEvict });
      map.set('second', 1);
    `);
    assert.equal(printed, 'second expire');
  });

test('a WeakValueMap made under mocked timers still removes what was collected', async () => {
  const printed = await run(`
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const map = new plimsoll.WeakValueMap();
    mock.timers.reset();
    for (let i = 0; i < 100; i++) map.set(i, { i });
    const end = Date.now() + 60_000;
    (function look() {
      gc();
      const { size } = map.stats();
      if (size > 0 && Date.now() < end) setTimeout(look, 10);
      else console.log(size);
    })();
  `);
  assert.equal(printed, '0');
});

test('trackers that start under mocked timers count additions afterwards', async () => {
  const printed = await run(`
    const { EventEmitter } = require('node:events');
    mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const emitter = new EventEmitter();
    plimsoll.trackEmitter(emitter, { name: 'bus' });
    mock.timers.reset();
    const alive = setTimeout(() => {}, 60_000);
    const { onTick } = require(process.argv[1] + '/lib/track/tick.js');
    onTick(() => (console.log('tick'), process.exit()));
  `);
  assert.equal(printed, 'tick');
});

for (const apis of [['Date'], ['Date', 'setTimeout', 'setInterval']])
  for (const ttl of [1000, 6000])
    test(`a fake of ${apis} from before the first map is followed, ttl ${ttl}`, async () => {
      const printed = await run(`
        mock.timers.enable({ apis: ${JSON.stringify(apis)} });
        const map = new plimsoll.BoundedMap({ max: 10, ttl: ${ttl} });
        map.set('key', 1);
        mock.timers.tick(${ttl - 1});
        const before = map.get('key');
        mock.timers.tick(1);
        console.log(before, map.get('key'));
      `);
      assert.equal(printed, '1 undefined');
    });

test('a computation that is joined after its time has no negative delay', async () => {
  const printed = await run(`
    process.on('warning', ({ name }) => console.log(name));
    const cache = new plimsoll.SharedCache('late', { maxBytes: 1 << 20 });
    const wait = (timeout) =>
      cache.getOrCompute('key', () => new Promise(() => {}), { timeout }).catch(({ code }) => console.log(code));
    wait(30);
    wait(40);
    for (const end = performance.now() + 100; performance.now() < end;);
  `);
  assert.equal(printed, 'ERR_PLIMSOLL_TIMEOUT\nERR_PLIMSOLL_TIMEOUT');
});

/** Parts that run in a process of their own, that follow fake timers as lru-cache does, or whose tests move the time. */
const FOLLOWS_FAKES = [
  /^timers\.js$/,
  /^(?:cli|inspect)\/|^report\/convert\.js$/,
  /^send\/(?:process|rate|work)\.js$/,
  /^cache\/(?:clock|lru-cache)/,
  /^watch\/(?:health|restart)\.js$/,
];

test('what runs in a service takes its clock and its timers from lib/timers.js', () => {
  const lib = path.join(PACKAGE, 'lib');
  const own = fs
    .readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !FOLLOWS_FAKES.some((each) => each.test(file)))
    .filter((file) => {
      const text = fs.readFileSync(path.join(lib, file), 'utf8').replaceAll(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
      const isTaken = /require\('(?:\.\.?\/)+timers\.js'\)/.test(text);
      const starts = /(?<![.\w#])(?:setTimeout|setInterval|setImmediate)\(/.test(text);
      return /\bperformance\.now\b/.test(text) || (starts && !isTaken);
    });
  assert.deepEqual(own, []);
});

const ENTRIES = Object.values(require('../../package.json').exports)
  .map((entry) => entry.require?.default ?? entry.default)
  .filter((file) => file?.endsWith('.js'));

for (const file of ENTRIES)
  test(`${file} keeps Node's timers when it is loaded`, async () => {
    const script = `
      require(process.argv[1]);
      console.log(require.resolve(process.argv[2]) in require.cache);
    `;
    const files = [path.join(PACKAGE, file), path.join(PACKAGE, 'lib/timers.js')];
    const { stdout } = await execFile(process.execPath, ['-e', script, ...files], {
      env: { ...process.env, PLIMSOLL_DISABLE: '1' },
    });
    assert.equal(stdout.trim(), 'true');
  });

test('a snapshot that is taken first under mocked timers is taken', async () => {
  const printed = await run(`
    mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate'] });
    const dir = require('node:fs').mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'mocks-'));
    plimsoll.takeSnapshot({ dir }).then(
      ({ path }) => console.log(require('node:path').dirname(path) === dir),
      (error) => console.log(error.code),
    ).finally(() => require('node:fs').rmSync(dir, { recursive: true }));
  `);
  assert.equal(printed, 'true');
});
