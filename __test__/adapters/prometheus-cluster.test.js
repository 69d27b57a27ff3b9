'use strict';
// The alert rules and the dashboard over the metrics of a cluster, as prom-client's AggregatorRegistry joins its workers:
// 1 to 64 of them, of which none, one or all leak. promtool evaluates the expressions with Prometheus' own engine.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { AggregatorRegistry, Registry } = require('prom-client');
const { collectMetrics } = require('../../lib/adapters/prometheus.js');
const { MEASUREMENTS } = require('../../lib/adapters/measurements.js');
const { leakStats, stubWatcher } = require('../support/stats.js');

const EXAMPLES = path.join(__dirname, '../../examples/prometheus');
const dashboard = JSON.parse(fs.readFileSync(path.join(EXAMPLES, 'dashboard.json'), 'utf8'));
const promtool = spawnSync('promtool', ['--version']).error === undefined;
const SIZES = [1, 2, 8, 64];
const LIMIT_S = 261;

function statsOf(leaks) {
  const stats = leakStats();
  const [heap] = stats.verdict.channels;
  if (leaks) heap.msToLimit = LIMIT_S * 1000;
  else {
    Object.assign(heap, { state: 'steady', bytesPerMinute: 0, msToLimit: null });
    stats.verdict.state = 'steady';
  }
  return stats;
}

/** The exposition of a cluster's primary. */
async function expose(workers, leaking) {
  const sent = await Promise.all(
    Array.from({ length: workers }, async (_, at) => {
      const register = new Registry();
      collectMetrics({ watcher: stubWatcher(statsOf(at < leaking)), register });
      return JSON.parse(JSON.stringify(await register.getMetricsAsJSON()));
    }),
  );
  return AggregatorRegistry.aggregate(sent).metrics();
}

const clusters = SIZES.flatMap((workers) => [...new Set([0, 1, workers])].map((leaking) => ({ workers, leaking })));

test('every metric says how the workers of a cluster become one', () => {
  for (const { name, across } of MEASUREMENTS) assert.ok(['sum', 'max', 'min'].includes(across), name);
});

test('flags of a cluster are 0 or 1, however many workers agree', async () => {
  for (const { workers, leaking } of clusters) {
    const text = await expose(workers, leaking);
    for (const [, flag, value] of text.matchAll(/^(plimsoll_(?:leak|verdict)\{[^}]*\}) (\d+)$/gm))
      assert.ok(value <= 1, `${flag} ${value} of ${workers} workers`);
    assert.match(text, new RegExp(`^plimsoll_leak\\{channel="heap"\\} ${Math.min(leaking, 1)}$`, 'm'));
    assert.match(text, new RegExp(`^plimsoll_verdict\\{state="steady"\\} ${Number(leaking < workers)}$`, 'm'));
  }
});

/** The samples of an exposition as series that stay as they are, of one instance for each cluster. */
function seriesOf(text, instance) {
  const samples = text
    .split('\n')
    .map((line) => /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line))
    .filter(Boolean);
  return samples.map(([, name, labels, value]) => ({
    series: `${name}{${[labels, `job="api"`, `instance="${instance}"`].filter(Boolean).join(',')}}`,
    values: `${value}x60`,
  }));
}

const verdictPanel = dashboard.panels
  .flatMap(({ targets }) => targets)
  .find(({ expr }) => expr.startsWith('plimsoll_verdict')).expr;

test(
  'rules and panels hold for 1 to 64 workers',
  { skip: !promtool && 'no promtool here: apt-get install prometheus' },
  async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-cluster-rules-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const tests = await Promise.all(
      clusters.map(async ({ workers, leaking }) => {
        const instance = `${leaking}of${workers}`;
        const labels = { job: 'api', instance, channel: 'heap' };
        const alert = (alertname, severity, summary, description) => ({
          eval_time: '20m',
          alertname,
          exp_alerts:
            leaking === 0 ? [] : [{ exp_labels: { severity, ...labels }, exp_annotations: { summary, description } }],
        });
        const states = [leaking < workers && 'steady', leaking > 0 && 'leak'].filter(Boolean);
        return {
          interval: '1m',
          input_series: seriesOf(await expose(workers, leaking), instance),
          alert_rule_test: [
            alert(
              'NodeMemoryLeak',
              'warning',
              `heap of ${instance} leaks`,
              'The floor rises and does not slow down. The report that plimsoll wrote on the instance names the suspects.',
            ),
            alert(
              'NodeMemoryLimitNear',
              'critical',
              `${instance} reaches its heap limit in 4m 21s`,
              "Restart it in good order (onCritical) or give it room; the leak's evidence is in its diagnostic directory.",
            ),
          ],
          promql_expr_test: [
            {
              expr: verdictPanel.replaceAll(/\$(job|instance)/g, '.*'),
              eval_time: '20m',
              exp_samples: states.map((state) => ({
                labels: `plimsoll_verdict{instance="${instance}",job="api",state="${state}"}`,
                value: 1,
              })),
            },
          ],
        };
      }),
    );
    fs.copyFileSync(path.join(EXAMPLES, 'alerts.yml'), path.join(folder, 'alerts.yml'));
    fs.writeFileSync(
      path.join(folder, 'test.yml'),
      JSON.stringify({ rule_files: ['alerts.yml'], evaluation_interval: '1m', tests }),
    );
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'test.yml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
  },
);
