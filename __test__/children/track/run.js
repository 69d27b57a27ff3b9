'use strict';
// Runs one program of this folder tracked, its minutes compressed: after each step the trackers
// read a clock that is a second later. Prints the suspects as JSON.
//   node run.js PROGRAM [STEPS]

const path = require('node:path');
const { performance } = require('node:perf_hooks');
const v8 = require('node:v8');
const vm = require('node:vm');
const { observe } = require('../../support/pulse.js');
const { trackAll } = require('../../..');
const { suspects } = require('../../../lib/track');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

async function main() {
  const [program, steps = '16'] = process.argv.slice(2);
  process.removeAllListeners('warning');
  trackAll();
  const step = await require(path.resolve(__dirname, program))();
  const start = performance.now();
  for (let i = 0; i < Number(steps); i++) {
    await step(i);
    if (i % 4 === 3) {
      // Outside of the job that looked at WeakRefs: they hold until it ends.
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    observe(start + (i + 1) * 1000);
  }
  process.stdout.write(JSON.stringify(suspects({ now: start + Number(steps) * 1000 })), () => process.exit());
}

main();
