'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawnSync } = require('node:child_process');
const { AggregatorRegistry, Registry, collectDefaultMetrics } = require('prom-client');
const { collectMetrics } = require('../../lib/adapters/prometheus.js');
const { MEASUREMENTS } = require('../../lib/adapters/measurements.js');
const { leakStats, stubWatcher } = require('../support/stats.js');

const EXAMPLES = path.join(__dirname, '../../examples/prometheus');
const promtool = spawnSync('promtool', ['--version']).error === undefined;
const noPromtool = !promtool && 'no promtool here: apt-get install prometheus';
const MB = 2 ** 20;

/** Serves a registry as an application would, and scrapes it. */
async function scrape(t, register) {
  const server = http.createServer((request, response) => {
    register.metrics().then(
      (text) => response.setHeader('Content-Type', register.contentType).end(text),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const response = await fetch(`http://127.0.0.1:${server.address().port}/metrics`);
  assert.equal(response.status, 200);
  return response.text();
}

/** `name{labels}` -> value of an exposition. */
function samples(text) {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

test('a scrape over HTTP has every figure, beside those that prom-client owns', async (t) => {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const watcher = stubWatcher();
  collectMetrics({ watcher, register });
  const text = await scrape(t, register);
  const got = samples(text);
  const expected = {
    'plimsoll_floor_bytes{channel="heap"}': 152 * MB,
    'plimsoll_growth_bytes_per_second{channel="heap"}': (3 * MB) / 60,
    'plimsoll_limit_bytes{channel="native"}': 512 * MB,
    'plimsoll_time_to_limit_seconds{channel="heap"}': 7200,
    'plimsoll_time_to_limit_seconds{channel="external"}': undefined,
    'plimsoll_leak{channel="heap"}': 1,
    'plimsoll_leak{channel="external"}': 0,
    'plimsoll_suspect_growth_bytes_per_second{signature="7a1c09b2f4e6d853",cause="map",name="sessions"}': (6 * MB) / 60,
    'plimsoll_verdict{state="leak"}': 1,
    'plimsoll_verdict{state="steady"}': 0,
    plimsoll_probes_total: 3,
    plimsoll_snapshots_taken_total: 2,
    'plimsoll_snapshots_refused_total{reason="memory"}': 1,
    'plimsoll_snapshots_refused_total{reason="disk"}': 0,
    'plimsoll_cache_entries{cache="users"}': 15,
    'plimsoll_cache_hits_total{cache="users"}': 71,
    'plimsoll_cache_entries{cache="other"}': 7,
    'plimsoll_cache_bytes{cache="other"}': 12,
    'plimsoll_tracked{kind="listeners"}': 42,
    'plimsoll_tracked{kind="timers"}': 3,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(got[name], value, name);
  assert.equal(got['plimsoll_cache_max_entries{cache="other"}'], undefined);
  assert.equal(watcher.reads, 1, 'one picture for one scrape');
  assert.ok('process_resident_memory_bytes' in got);
  for (const line of text.split('\n').filter((each) => each.startsWith('# TYPE plimsoll_')))
    assert.match(line, /^# TYPE plimsoll_[a-z_]+ (gauge|counter)$/);
});

test('promtool finds nothing wrong with the exposition', { skip: noPromtool }, async () => {
  const register = new Registry();
  collectMetrics({ watcher: stubWatcher(), register });
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: await register.metrics(),
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
  assert.equal(stdout + stderr, '');
});

test('a second scrape sees new figures; a stopped watcher takes none of the other metrics with it', async () => {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const watcher = stubWatcher();
  collectMetrics({ watcher, register });
  await register.metrics();
  await new Promise(setImmediate);
  watcher.current = { ...leakStats(), snapshots: { taken: 9, refused: 1, refusedBy: {} } };
  assert.equal(samples(await register.metrics()).plimsoll_snapshots_taken_total, 9);
  await new Promise(setImmediate);
  watcher.current = null;
  const got = samples(await register.metrics());
  assert.equal(Object.keys(got).filter((name) => name.startsWith('plimsoll_')).length, 0);
  assert.ok('process_resident_memory_bytes' in got);
});

test('label sets are bounded however many caches there are', async () => {
  const register = new Registry();
  const [cache] = leakStats().caches;
  const caches = Array.from({ length: 5000 }, (_, at) => ({ ...cache, name: `cache-${at}`, size: 1 }));
  collectMetrics({ watcher: stubWatcher({ ...leakStats(), caches }), register });
  const entries = Object.entries(samples(await register.metrics())).filter(([name]) =>
    name.startsWith('plimsoll_cache_entries{'),
  );
  assert.equal(entries.length, 51);
  assert.equal(
    entries.reduce((sum, [, value]) => sum + value, 0),
    5000,
  );
});

test('a prefix, OpenMetrics, the cluster aggregate, resetMetrics and the way out', async () => {
  const open = new Registry(Registry.OPENMETRICS_CONTENT_TYPE);
  const leave = collectMetrics({ watcher: stubWatcher(), register: open, prefix: 'api_memory_' });
  assert.match(await open.metrics(), /^api_memory_snapshots_taken_total 2$/m);
  open.resetMetrics();
  leave();
  assert.equal((await open.metrics()).trim(), '# EOF');

  const workers = [new Registry(), new Registry()];
  const stats = leakStats();
  stats.verdict.channels[0].msToLimit = 60_000;
  for (const [at, register] of workers.entries())
    collectMetrics({ watcher: stubWatcher(at === 0 ? leakStats() : stats), register });
  // As it comes from a worker: JSON has no Infinity.
  const sent = await Promise.all(
    workers.map(async (register) => JSON.parse(JSON.stringify(await register.getMetricsAsJSON()))),
  );
  const all = samples(await AggregatorRegistry.aggregate(sent).metrics());
  assert.equal(all.plimsoll_snapshots_taken_total, 4);
  assert.equal(all['plimsoll_time_to_limit_seconds{channel="heap"}'], 60);
  assert.equal(all['plimsoll_time_to_limit_seconds{channel="external"}'], undefined, 'and not 0, which is an alert');
  assert.equal(all['plimsoll_floor_bytes{channel="heap"}'], 152 * MB);
});

test('bad options are refused by name', () => {
  const register = new Registry();
  const watcher = stubWatcher();
  const code = 'ERR_PLIMSOLL_OPTION';
  assert.throws(() => collectMetrics(), { code, message: /options\.register/ });
  assert.throws(() => collectMetrics({ register, watcher: {} }), { code, message: /options\.watcher/ });
  assert.throws(() => collectMetrics({ register, watcher, prefix: '9-' }), { code, message: /options\.prefix/ });
});

test('the alert rules are accepted, and fire when they should', { skip: noPromtool }, () => {
  for (const args of [
    ['check', 'rules', 'alerts.yml'],
    ['test', 'rules', 'alerts.test.yml'],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: EXAMPLES, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  }
});

const dashboard = JSON.parse(fs.readFileSync(path.join(EXAMPLES, 'dashboard.json'), 'utf8'));
const expressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

test('rules and dashboard ask for metrics that exist', async () => {
  const register = new Registry();
  collectMetrics({ watcher: stubWatcher(), register });
  const names = new Set(register.getMetricsAsArray().map(({ name }) => name));
  const asked = new Set(
    [fs.readFileSync(path.join(EXAMPLES, 'alerts.yml'), 'utf8'), ...expressions].flatMap(
      (text) => text.match(/\bplimsoll_[a-z_]+/g) ?? [],
    ),
  );
  for (const name of asked) assert.ok(names.has(name), name);
  assert.ok(asked.size >= 10);
});

test("the dashboard's expressions parse, its panels have ids of their own", { skip: noPromtool }, (t) => {
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-rules-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const rules = expressions.map((expr, at) => ({
    record: `panel${at}`,
    expr: expr.replaceAll(/\$(job|instance)/g, '.*'),
  }));
  fs.writeFileSync(path.join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { status, stdout, stderr } = spawnSync('promtool', ['check', 'rules', 'rules.yml'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout + stderr);
});

test('docs/metrics.md lists every metric', () => {
  const docs = fs.readFileSync(path.join(__dirname, '../../docs/metrics.md'), 'utf8');
  const register = new Registry();
  collectMetrics({ watcher: stubWatcher(), register });
  for (const { name } of register.getMetricsAsArray()) assert.ok(docs.includes(`\`${name}\``), name);
  assert.equal(register.getMetricsAsArray().length, MEASUREMENTS.length);
});
