'use strict';
// The example's rules in a real Prometheus, which scrapes three processes with two leaks. The processes export a
// watcher's stats() that are given; the rest is as in a service.

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');

const ROOT = path.join(__dirname, '../..');
const all = process.env.PLIMSOLL_TEST_ALL_ROUNDS === '1';
const hasPrometheus = () => spawnSync('prometheus', ['--version']).error === undefined;

const SERVICE = `
const http = require('node:http');
const { Registry } = require('prom-client');
const { collectMetrics } = require('./lib/adapters/prometheus.js');
const { leakStats, stubWatcher } = require('./__test__/support/stats.js');
const stats = leakStats();
Object.assign(stats.suspects[0], JSON.parse(process.argv[1]));
const register = new Registry();
collectMetrics({ watcher: stubWatcher(stats), register });
const server = http.createServer(async (request, response) =>
  response.setHeader('Content-Type', register.contentType).end(await register.metrics()));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));`;

async function service(t, suspect) {
  const child = spawn(process.execPath, ['-e', SERVICE, JSON.stringify(suspect)], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill());
  const [port] = await once(child.stdout, 'data');
  return `127.0.0.1:${String(port).trim()}`;
}

/** Starts a Prometheus with the example's rules; alerts fire at once. @returns {Promise<() => Promise<any[]>>} */
async function prometheus(t, targets) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-prometheus-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const rules = fs.readFileSync(path.join(ROOT, 'examples/prometheus/alerts.yml'), 'utf8');
  fs.writeFileSync(path.join(folder, 'alerts.yml'), rules.replaceAll(/for: \S+/g, 'for: 0s'));
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['alerts.yml'],
    scrape_configs: [{ job_name: 'api', static_configs: [{ targets }] }],
  };
  fs.writeFileSync(path.join(folder, 'prometheus.yml'), JSON.stringify(config));
  const args = [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    '--web.listen-address=127.0.0.1:0',
  ];
  const child = spawn('prometheus', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  let log = '';
  for await (const piece of child.stderr.iterator({ destroyOnReturn: false })) {
    log += piece;
    const address = /[Ll]istening on[^\n]*?(127\.0\.0\.1:\d+)/.exec(log)?.[1];
    if (address === undefined) continue;
    child.stderr.resume();
    return async () => (await (await fetch(`http://${address}/api/v1/alerts`)).json()).data?.alerts ?? [];
  }
  throw new Error(`prometheus did not start: ${log}`);
}

test(
  'one alert for each of two leaks in three processes',
  { skip: !all && 'npm run test:evidence', timeout: 120_000 },
  async (t) => {
    assert.ok(hasPrometheus(), 'prometheus is missing: apt-get install prometheus');
    const targets = [];
    for (const [signature, name] of [
      ['aaaaaaaaaaaaaaaa', 'sessions'],
      ['aaaaaaaaaaaaaaaa', 'sessions'],
      ['bbbbbbbbbbbbbbbb', 'jobs'],
    ])
      targets.push(await service(t, { signature, name }));
    const alerts = await prometheus(t, targets);
    const expected = ['map jobs leaks in 1 process of api', 'map sessions leaks in 2 processes of api'];
    let found = [];
    while (found.join() !== expected.join()) {
      await wait(200, undefined, { signal: t.signal });
      const bySignature = (await alerts().catch(() => [])).filter(
        ({ labels }) => labels.alertname === 'NodeLeakBySignature',
      );
      found = bySignature
        .filter(({ state }) => state === 'firing')
        .map(({ annotations }) => annotations.summary)
        .toSorted();
    }
    assert.deepEqual(found, expected);
  },
);
