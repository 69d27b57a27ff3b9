'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { startPm2, until } = require('./pm2.js');

const SERVICE = path.join(__dirname, 'pm2-service.js');

function get(port, route) {
  return new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, path: route, agent: false }, (response) => response.resume().on('end', () => resolve(response.statusCode))).on('error', reject);
  });
}

test('under PM2: a critical process ends by itself in good order and is started again', async (t) => {
  const { pm2, log, portFile } = startPm2(t);
  await pm2('start', SERVICE, '--name', 'service', '--restart-delay', '100', '--max-memory-restart', '2G', '--', log, portFile);
  const events = () => (fs.existsSync(log) ? fs.readFileSync(log, 'utf8').trim().split('\n') : []);
  const port = await until('the first start', () => fs.existsSync(portFile) && Number(fs.readFileSync(portFile, 'utf8')));
  const slow = get(port, '/slow');
  assert.equal(await get(port, '/critical'), 200);
  assert.equal(await slow, 200, 'the request under way is answered');
  await until('the second start', () => events().filter((line) => line === 'start').length === 2);
  const [first] = JSON.parse(await pm2('jlist'));
  assert.deepEqual(events(), ['start', 'evidence', 'close', 'start']);
  assert.equal(first.pm2_env.restart_time, 1);
  assert.equal(first.pm2_env.exit_code, 1);
});

test("under PM2: a stop that comes while it drains ends it before PM2's kill", async (t) => {
  const { pm2, log, portFile } = startPm2(t);
  await pm2('start', SERVICE, '--name', 'hanging', '--no-autorestart', '--', log, portFile, '--hang');
  const port = await until('the start', () => fs.existsSync(portFile) && Number(fs.readFileSync(portFile, 'utf8')));
  await get(port, '/critical');
  await until('the evidence', () => fs.readFileSync(log, 'utf8').includes('evidence'));
  await pm2('stop', 'hanging');
  const text = await until('the end', () => {
    const lines = fs.readFileSync(log, 'utf8');
    return lines.includes('exit') && lines;
  });
  // An exit handler ran: it went by itself, and was not killed by SIGKILL 1.6 s after SIGINT.
  assert.match(text, /exit 1\n$/);
});

test('under PM2: memory that is really close to its limit ends the process with evidence, before PM2 would', async (t) => {
  const { pm2 } = startPm2(t);
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-pressed-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  await pm2('start', path.join(__dirname, 'pressed-service.js'), '--name', 'pressed', '--restart-delay', '100', '--max-memory-restart', '400M', '--', dir);
  const port = await until('the first start', () => fs.existsSync(path.join(dir, 'port')) && Number(fs.readFileSync(path.join(dir, 'port'), 'utf8')));
  assert.equal(await get(port, '/fill'), 200);
  const events = () => fs.readFileSync(path.join(dir, 'events.log'), 'utf8').trim().split('\n');
  await until('the second start', () => events().filter((line) => line === 'start').length === 2);
  const [, evidence, ...rest] = events();
  assert.match(evidence, /^evidence /);
  assert.deepEqual(rest, ['close', 'exit 1', 'start']);
  assert.equal(fs.readdirSync(dir).filter((name) => name.endsWith('.heapsnapshot')).length, 1);
  const [{ pm2_env: state }] = JSON.parse(await pm2('jlist'));
  assert.deepEqual([state.restart_time, state.exit_code], [1, 1]);
});
