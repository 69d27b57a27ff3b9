'use strict';
// examples/ci/leak-check.yml, its steps executed: 3 for a service that leaks, 0 for the fixed one.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const yaml = require('js-yaml');

const ROOT = path.join(__dirname, '../..');
const { env: settings, steps } = yaml.load(fs.readFileSync(path.join(ROOT, 'examples/ci/leak-check.yml'), 'utf8')).jobs.leak;
/** Shorter than in the recipe: the examples leak fast. */
const QUICK = { WINDOW: '15s', DURATION: '90' };

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** A checkout with this service, plimsoll and autocannon: what the step before has installed. */
function checkout(t, service) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-ci-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.copyFileSync(path.join(ROOT, 'examples', service), path.join(folder, 'server.js'));
  const modules = path.join(folder, 'node_modules');
  fs.mkdirSync(path.join(modules, '.bin'), { recursive: true });
  fs.symlinkSync(ROOT, path.join(modules, 'plimsoll'));
  fs.symlinkSync(path.join(ROOT, 'bin/plimsoll.js'), path.join(modules, '.bin/plimsoll'));
  fs.symlinkSync(path.join(ROOT, 'node_modules/autocannon/autocannon.js'), path.join(modules, '.bin/autocannon'));
  return folder;
}

/** Runs the steps as a runner does: `bash -e`, with the job's environment. */
async function run(cwd) {
  const env = { ...process.env, ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)])), ...QUICK, PORT: String(await freePort()) };
  let output = '';
  for (const { run: script } of steps.filter((step) => step.name !== undefined)) {
    const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const [code] = await once(child, 'close');
    if (code !== 0) return { code, output };
  }
  return { code: 0, output };
}

test('the recipe fails a service that leaks, and its report names the leak', { timeout: 200_000 }, async (t) => {
  const folder = checkout(t, 'leaky-service.js');
  const { code, output } = await run(folder);
  assert.equal(code, 3, output);
  const report = JSON.parse(fs.readFileSync(path.join(folder, 'leak.json'), 'utf8'));
  assert.equal(report.verdict.state, 'leak');
  const names = report.suspects.map(({ name }) => name);
  assert.ok(names.includes('sessions') && names.includes('change'), names.join(', '));
  assert.match(fs.readFileSync(path.join(folder, 'leak.html'), 'utf8'), /sessions/);
});

test('the recipe passes the fixed service', { timeout: 200_000 }, async (t) => {
  const { code, output } = await run(checkout(t, 'bounded-service.js'));
  assert.equal(code, 0, output);
});
