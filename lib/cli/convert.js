'use strict';
// plimsoll convert: a heap image as a snapshot for DevTools.

const path = require('node:path');
const { PlimsollTypeError } = require('../errors.js');
const { convertSnapshot, convertToStream } = require('../report/convert.js');
const { bytes } = require('../report/units.js');
const { untilSignal } = require('./until-signal.js');
const { READER_GONE, STDOUT, print } = require('./views.js');

const options = {
  redact: { type: 'boolean', description: 'no contents of strings and no data that serve as names' },
};

async function run({ redact = false }, positionals, io) {
  if (positionals.length !== 2)
    throw new PlimsollTypeError('ERR_PLIMSOLL_USAGE', 'name two files: plimsoll convert A.heapimage A.heapsnapshot.');
  const [from, to] = positionals.map((file) => path.resolve(file));
  const isStream = positionals[1] === STDOUT;
  const status = await untilSignal(async (signal) => {
    let written;
    try {
      written = isStream
        ? await convertToStream(from, io.stdout, { redact, signal })
        : await convertSnapshot(from, to, { redact, signal });
    } catch (error) {
      if (isStream && READER_GONE.has(error.code)) return;
      throw error;
    }
    const name = isStream ? 'standard output' : positionals[1];
    print(io.stderr, `${name} (${bytes(written)}${redact ? ', redacted' : ''})`);
  });
  return status ?? 0;
}

module.exports = {
  summary: 'write a heap image, or a compressed snapshot, as a .heapsnapshot for DevTools (- is standard output)',
  usage: '[--redact] FROM TO',
  example: 'npx plimsoll convert Heap.1.heapimage Heap.1.heapsnapshot',
  exits: '0; 1 if FROM cannot be read or TO cannot be written; 2 for wrong usage; 128 and the number of a signal',
  options,
  positionals: true,
  run,
};
