'use strict';
// A failure as text: how it is drawn again, and a test to paste.

const { inspect } = require('node:util');

/** fast-check makes objects without a prototype, which cannot be written down; a clone has one. */
const literal = (value) => inspect(structuredClone(value), { depth: Infinity, breakLength: 110, maxArrayLength: null });

function describeFailure({ part, seed, path, error, program }) {
  const reason = String(error?.message ?? error).split('\n')[0];
  return [
    `${part} failed: ${error?.stack ?? error}`,
    '',
    `fast-check's seed ${seed}, path ${path}. Entry for sim/failures.json:`,
    JSON.stringify({ part, seed, path, reason, program }),
    '',
    'The shortest program that still fails, as a test for __test__/sim/regressions.test.js:',
    '',
    `test(${literal(`${part}: ${reason}`)}, () =>`,
    `  replay(${literal(part)}, ${literal(program)}));`,
    '',
  ].join('\n');
}

module.exports = { describeFailure };
