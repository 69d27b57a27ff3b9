'use strict';
// Heap images of a service that is never quiet, one after the other, each read by the analyzer.
//   node bench/image/many.js [--count 1000] [--flags=--stress-compaction] [--flags=...] [NODE ...]
// Prints how many were taken, how many needed another child, failed, were not readable, and how often the service hung
// or ended. Exits with 1 if any failed. SIGTERM ends it after the image at hand.

const { fork } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '1000' },
    flags: { type: 'string', multiple: true, default: [] },
  },
});

/** An image that takes longer hangs. */
const HUNG_MS = 120_000;
const end = new AbortController();
process.once('SIGTERM', () => end.abort());

/** Failures that are printed. */
const SHOWN = 5;

/** The next message of the service; `null` where it ended or hangs. */
async function answer(service) {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(HUNG_MS)]);
  const exit = once(service, 'exit', { signal }).then(() => null);
  const message = once(service, 'message', { signal }).then(([first]) => first);
  try {
    return await Promise.race([message, exit]);
  } catch {
    return null;
  } finally {
    ended.abort();
    await Promise.allSettled([message, exit]);
  }
}

async function run(execPath) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-many-images-'));
  const counts = { taken: 0, 'with another child': 0, failed: 0, unreadable: 0, hung: 0, crashed: 0 };
  const failures = [];
  let service = null;
  try {
    for (let image = 0; image < Number(values.count) && !end.signal.aborted; image++) {
      if (service === null) {
        service = fork(path.join(__dirname, 'busy.js'), [dir], { execPath, execArgv: values.flags });
        await answer(service);
      }
      service.send('take');
      const taken = await answer(service);
      if (taken === null) {
        counts[service.exitCode === null && service.signalCode === null ? 'hung' : 'crashed']++;
        failures.push(`image ${image}: the service ended with ${service.signalCode ?? service.exitCode}`);
        service.kill('SIGKILL');
        service = null;
      } else if (taken.path === undefined) {
        counts.failed++;
        failures.push(`image ${image}: ${taken.code} ${taken.message}`);
      } else {
        counts.taken++;
        if (taken.retries.length > 0) counts['with another child']++;
        await requireAnalyzer()
          .analyzeSnapshots([taken.path], '{}')
          .catch((error) => {
            counts.unreadable++;
            failures.push(`image ${image}: ${error.message}`);
          });
        fs.rmSync(taken.path);
      }
    }
  } finally {
    service?.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true });
  }
  console.table({ [[path.basename(execPath), ...values.flags].join(' ')]: counts });
  for (const failure of failures.slice(0, SHOWN)) console.log(failure);
  if (failures.length > 0) process.exitCode = 1;
}

async function main() {
  for (const execPath of positionals.length > 0 ? positionals : [process.execPath]) await run(execPath);
}

void main();
