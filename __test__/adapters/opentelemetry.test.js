'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { setImmediate: nextTurn } = require('node:timers/promises');
const fs = require('node:fs');
const path = require('node:path');
const { metrics } = require('@opentelemetry/api');
const { PrometheusExporter } = require('@opentelemetry/exporter-prometheus');
const {
  InMemoryMetricExporter,
  AggregationTemporality,
  MeterProvider,
  PeriodicExportingMetricReader,
} = require('@opentelemetry/sdk-metrics');
const { observeMetrics } = require('../../lib/adapters/opentelemetry.js');
const { leakStats, stubWatcher } = require('../support/stats.js');

const MB = 2 ** 20;

function memoryProvider(t) {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
  t.after(() => provider.shutdown());
  return {
    provider,
    async collect() {
      exporter.reset();
      await provider.forceFlush();
      return exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    },
  };
}

const points = (list, name) =>
  list
    .find(({ descriptor }) => descriptor.name === name)
    ?.dataPoints.map(({ attributes, value }) => [Object.values(attributes)[0], value]);

test('the SDK collects every figure under names and units of the conventions', async (t) => {
  const { provider, collect } = memoryProvider(t);
  const watcher = stubWatcher();
  observeMetrics({ watcher, meter: provider.getMeter('test') });
  const list = await collect();
  assert.deepEqual(points(list, 'plimsoll.floor')[0], ['heap', 152 * MB]);
  assert.deepEqual(points(list, 'plimsoll.time_to_limit'), [['heap', 7200]]);
  assert.deepEqual(points(list, 'plimsoll.snapshots.taken'), [[undefined, 2]]);
  assert.deepEqual(points(list, 'plimsoll.cache.hits'), [
    ['users', 71],
    ['other', 0],
  ]);
  assert.deepEqual(points(list, 'plimsoll.tracked'), [
    ['listeners', 42],
    ['timers', 3],
  ]);
  assert.equal(list.find(({ descriptor }) => descriptor.name === 'plimsoll.growth').descriptor.unit, 'By/s');
  assert.equal(watcher.reads, 1);
  const names = list.map(({ descriptor }) => descriptor.name);
  for (const name of names) {
    assert.match(name, /^plimsoll(\.[a-z_]+)+$/);
    assert.ok(!names.some((other) => other.startsWith(`${name}.`)), `${name} is the namespace of another`);
  }
});

test('counters go on, a stopped watcher observes nothing, and the way out ends it', async (t) => {
  const { provider, collect } = memoryProvider(t);
  const watcher = stubWatcher();
  const end = observeMetrics({ watcher, meter: provider.getMeter('test') });
  await collect();
  await nextTurn(); // one turn has one picture
  watcher.current = { ...leakStats(), snapshots: { taken: 5, refused: 1, refusedBy: {} } };
  assert.deepEqual(points(await collect(), 'plimsoll.snapshots.taken'), [[undefined, 5]]);
  await nextTurn();
  watcher.current = null;
  await collect();
  const { reads } = watcher;
  end();
  await nextTurn();
  await collect();
  assert.equal(watcher.reads, reads);
});

test('scraped over HTTP through the SDK, by the global meter provider', async (t) => {
  const exporter = new PrometheusExporter({ host: '127.0.0.1', port: 0, preventServerStart: true });
  const provider = new MeterProvider({ readers: [exporter] });
  t.after(() => provider.shutdown());
  metrics.setGlobalMeterProvider(provider);
  t.after(() => metrics.disable());
  const end = observeMetrics({ watcher: stubWatcher() });
  t.after(end);
  const server = require('node:http').createServer((request, response) =>
    exporter.getMetricsRequestHandler(request, response),
  );
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const text = await (await fetch(`http://127.0.0.1:${server.address().port}/metrics`)).text();
  assert.match(text, /^plimsoll_floor\{plimsoll_channel="heap"[^}]*\} 159383552$/m);
  assert.match(text, /^plimsoll_snapshots_taken_total(\{[^}]*\})? 2$/m);
});

test('bad options are refused by name', () => {
  const code = 'ERR_PLIMSOLL_OPTION';
  assert.throws(() => observeMetrics({ watcher: stubWatcher(), meter: {} }), { code, message: /options\.meter/ });
  assert.throws(() => observeMetrics({ watcher: null, meter: metrics.getMeter('x') }), {
    code,
    message: /options\.watcher/,
  });
});

test('docs/metrics.md lists every instrument', async (t) => {
  const docs = fs.readFileSync(path.join(__dirname, '../../docs/metrics.md'), 'utf8');
  const { provider, collect } = memoryProvider(t);
  observeMetrics({ watcher: stubWatcher(), meter: provider.getMeter('test') });
  for (const { descriptor } of await collect()) assert.ok(docs.includes(`\`${descriptor.name}\``), descriptor.name);
});
