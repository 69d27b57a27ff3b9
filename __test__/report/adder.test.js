'use strict';
// The function that adds to a suspect, in place of a caller without a name into which V8 has inlined it.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { withAdder, withoutPackages, adderOf } = require('../../lib/report/adder.js');
const { render } = require('../../lib/report/terminal.js');
const { buildReport } = require('../../lib/report/report.js');
const { leakReport, violations } = require('../support/reports.js');

const STORE = `const entries = [];
function append(x) { entries.push({ x }); }
setInterval(() => {
  for (let i = 0; i < 100; i++) append(i);
}, 10);
setInterval(() => other(), 10);
`;
const ROUTES = `const { append } = require('./store.js');
app.get('/', (req) => append(req.url));
`;

/** A folder of sources, its adder, and a site in one of its files. */
function sources(t) {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-adder-')));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.writeFileSync(path.join(dir, 'store.js'), STORE);
  fs.writeFileSync(path.join(dir, 'routes.js'), ROUTES);
  const file = path.join(dir, 'store.js');
  const adder = { function: 'append', file, line: 2, column: 10 };
  const site = (line, name = null, of = 'store.js') => ({
    function: name,
    file: path.join(dir, of),
    line,
    column: 13,
    share: 0.9,
  });
  return { adder, site };
}

test('a caller without a name gives way to the function that it calls', (t) => {
  const { adder, site } = sources(t);
  const found = withAdder([site(3), site(2, null, 'routes.js')], adder);
  assert.deepEqual(found, [
    { ...adder, share: 0.9 },
    { ...adder, share: 0.9 },
  ]);
});

test('what has a name, what calls it nowhere, and what cannot be read stays', (t) => {
  const { adder, site } = sources(t);
  const kept = [site(3, 'refill'), site(6), site(1, null, 'missing.js'), { ...site(1), file: null }];
  assert.deepEqual(withAdder(kept, adder), kept);
  assert.deepEqual(withAdder([site(3)], undefined), [site(3)]);
  // The definition is no call.
  const unused = [{ ...site(2), file: adder.file }];
  fs.writeFileSync(adder.file, STORE.replace('append(i)', 'entries.push(i)'));
  assert.deepEqual(withAdder(unused, adder), unused);
});

test('code of packages that entries lead to is no site of a suspect of the application', (t) => {
  const { adder, site } = sources(t);
  const next = { ...site(1, 'next'), file: '/srv/app/node_modules/router/index.js' };
  const own = site(3, 'refill');
  assert.deepEqual(withoutPackages({ adder, sites: [next, own] }), [own]);
  assert.deepEqual(withoutPackages({ sites: [next] }), [next]);
  assert.deepEqual(withoutPackages({ adder: { ...adder, file: next.file }, sites: [next] }), [next]);
});

test('the adder is named where no site has it', (t) => {
  const { adder, site } = sources(t);
  assert.equal(adderOf({ adder, sites: [site(3, 'refill')] }), adder);
  assert.equal(adderOf({ adder, sites: [{ ...site(2), ...adder }] }), null);
  assert.equal(adderOf({ sites: [] }), null);
  const report = leakReport();
  report.suspects[0].adder = { ...adder, file: '/srv/app/src/store.js' };
  assert.match(render(report, { width: 100, cwd: '/srv/app' }), /added by +append \(src\/store\.js:2\)/);
});

test('the report names it', (t) => {
  const { adder, site } = sources(t);
  const { verdict, process, suspects } = leakReport();
  const suspect = { ...suspects[0], name: 'entries', file: adder.file, line: 1, sites: [], adder };
  const allocation = { state: 'on', reason: null, sites: [{ ...site(3), bytes: 900, caller: null }], profile: null };
  const state = {
    watchedMs: 1,
    verdict,
    memory: {},
    limits: {},
    container: null,
    series: {},
    collections: [],
    caches: [],
    tracked: [],
    extra: { process, allocation },
  };
  const report = buildReport({ state, analysis: { suspects: [suspect], snapshots: [], growth: null } });
  assert.equal(report.suspects[0].sites[0].function, 'append');
  assert.deepEqual(violations({ ...leakReport(), suspects: report.suspects }), []);
});
