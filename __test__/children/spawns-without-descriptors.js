'use strict';
// A watched service that has a predecessor to examine and a report to send while no process can be started: at that
// moment no descriptor is left for its streams (start it under a low `ulimit -n`).

const childProcess = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');

const { spawn, spawnSync } = childProcess;
/** A predecessor is looked for after a second. */
const LOOKED_FOR_MS = 2500;

childProcess.spawn = (...given) => {
  const held = [];
  try {
    for (;;) held.push(fs.openSync('/dev/null'));
  } catch {
    return spawn(...given);
  } finally {
    for (const each of held) fs.closeSync(each);
  }
};

const { watch } = require('../..');
const { optionsFromEnv, resolveOptions } = require('../../lib/options.js');
const { Sender } = require('../../lib/send/sender.js');

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-descriptors-'));
const index = path.join(__dirname, '../..');
const killed = `
  require(${JSON.stringify(index)}).watch({ dir: ${JSON.stringify(dir)}, interval: 50, window: 60_000 });
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000);`;

async function main() {
  spawnSync(process.execPath, ['-e', killed]);
  const warnings = [];
  const errors = [];
  const send = [`file:${path.join(dir, 'sent')}`];
  const options = resolveOptions({ ...optionsFromEnv({}), send, sendRaw: true }, 'code');
  const sender = new Sender(options, { dir, warn: (_, message) => warnings.push(message) });
  const watcher = watch({ dir, interval: 50, window: 60_000 });
  watcher.on('error', ({ message }) => errors.push(message));
  const report = path.join(dir, 'plimsoll-1-001.json');
  fs.writeFileSync(report, '{}');
  sender.add('report', report, { redacted: true });
  await delay(LOOKED_FOR_MS);
  watcher.stop();
  sender.stop();
  fs.rmSync(dir, { recursive: true });
  process.stdout.write(JSON.stringify({ warnings, errors }));
}

main();
