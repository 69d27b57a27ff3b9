'use strict';
// A watched service that has a predecessor to examine and a report to send while a process cannot be started: so few
// descriptors are left that there are none for its streams (start it under a low `ulimit -n`).

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { setTimeout: delay } = require('node:timers/promises');
const { watch } = require('../..');

/** For what the watch itself opens: fewer than the streams of a process take. */
const LEFT = 6;
/** A predecessor is looked for after a second. */
const LOOKED_FOR_MS = 2500;

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-descriptors-'));
const index = path.join(__dirname, '../..');
const killed = `
  require(${JSON.stringify(index)}).watch({ dir: ${JSON.stringify(dir)}, interval: 50, window: 60_000 });
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1000);`;

async function main() {
  spawnSync(process.execPath, ['-e', killed]);
  const warnings = [];
  const { Sender } = require('../../lib/send/sender.js');
  const { optionsFromEnv, resolveOptions } = require('../../lib/options.js');
  const options = resolveOptions(
    { ...optionsFromEnv({}), send: [`file:${path.join(dir, 'sent')}`], sendRaw: true },
    'code',
  );
  const sender = new Sender(options, { dir, warn: (_, message) => warnings.push(message) });
  const errors = [];
  const watcher = watch({ dir, interval: 50, window: 60_000 });
  watcher.on('error', ({ message }) => errors.push(message));
  fs.writeFileSync(path.join(dir, 'plimsoll-1-001.json'), '{}');
  const held = [];
  try {
    for (;;) held.push(fs.openSync('/dev/null'));
  } catch {
    for (const each of held.splice(-LEFT)) fs.closeSync(each);
  }
  sender.add('report', path.join(dir, 'plimsoll-1-001.json'), { redacted: true });
  await delay(LOOKED_FOR_MS);
  for (const each of held) fs.closeSync(each);
  watcher.stop();
  sender.stop();
  fs.rmSync(dir, { recursive: true });
  process.stdout.write(JSON.stringify({ warnings, errors }));
}

main();
