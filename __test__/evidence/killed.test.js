'use strict';
// A process that is killed at any time after the event suspect leaves an allocation site with file and line.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { temporaryDir, until } = require('../children/snapshot-support.js');
const { rounds, isAll } = require('./rounds.js');

const PROGRAM = path.join(__dirname, '../children/suspected-service.js');
const SOURCE = fs.readFileSync(PROGRAM, 'utf8').split('\n');
const LINE = SOURCE.findIndex((text) => text.includes('function remember()')) + 1;
/** The latest kill after the event, ms. */
const LATEST = 4000;
const MOST_BYTES = 2 ** 20;
/** Services that run beside each other. They mostly wait. */
const AT_A_TIME = 3;
const EVIDENCE = /^plimsoll-evidence-\d{8}T\d{9}Z-\d+-0\.json$/;

/** A service that has emitted suspect. */
async function suspected(dir, loop) {
  // What V8 inlines is shown as its caller, and the loop that is stuck is hot.
  const service = spawn(process.execPath, ['--no-turbo-inlining', PROGRAM, dir, loop], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  service.stdout.setEncoding('utf8').on('data', (chunk) => (text += chunk));
  await until(() => text.includes('suspect') || service.exitCode !== null);
  assert.equal(service.exitCode, null);
  return service;
}

async function kill(service) {
  service.kill('SIGKILL');
  if (service.signalCode === null) await once(service, 'exit');
}

function evidenceIn(dir) {
  const names = fs.readdirSync(dir);
  const name = names.find((each) => EVIDENCE.test(each));
  assert.ok(name, names.join());
  return JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
}

const hasSite = ({ sites }) =>
  sites.some(({ file, line, function: name }) => file === PROGRAM && line === LINE && name === 'remember');

for (const loop of ['turning', 'stuck']) {
  test(`killed at random moments after suspect, with a loop that is ${loop}`, async (t) => {
    const count = rounds(2, 25);
    let named = 0;
    const die = async (round) => {
      const dir = temporaryDir(t);
      const service = await suspected(dir, loop);
      // The first kill is as early as this process can send it.
      const after = round === 0 ? 0 : Math.random() * LATEST;
      await delay(after);
      await kill(service);
      const evidence = evidenceIn(dir);
      assert.match(evidence.verdict.state, /^(?:suspect|leak)$/);
      if (hasSite(evidence)) named++;
      else t.diagnostic(`no site after ${Math.round(after)} ms: ${JSON.stringify(evidence.sites)}`);
      const bytes = fs
        .readdirSync(dir)
        .filter((name) => name.startsWith('plimsoll-evidence-'))
        .map((name) => fs.statSync(path.join(dir, name)).size);
      assert.ok(bytes.reduce((sum, each) => sum + each, 0) <= MOST_BYTES, bytes.join());
    };
    for (let round = 0; round < count; round += AT_A_TIME)
      await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count - round) }, (_, at) => die(round + at)));
    t.diagnostic(`${named} of ${count} deaths left the allocation site`);
    assert.equal(named, count);
  });
}

test('the evidence is replaced while the loop is stuck', { skip: !isAll && 'npm run test:evidence' }, async (t) => {
  const dir = temporaryDir(t);
  const service = await suspected(dir, 'stuck');
  const { at } = evidenceIn(dir);
  const later = await until(() => {
    const evidence = evidenceIn(dir);
    return evidence.at === at ? undefined : evidence;
  });
  await kill(service);
  const age = Date.parse(later.at) - Date.parse(at);
  t.diagnostic(`replaced after ${Math.round(age / 1000)} s`);
  assert.ok(hasSite(later), JSON.stringify(later.sites));
});
