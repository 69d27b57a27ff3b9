#!/usr/bin/env node
'use strict';

const { main } = require('../lib/cli/main.js');
const { READER_GONE } = require('../lib/cli/views.js');

// Without a reader, the program that is watched and the reports go on.
/** Set where output was lost, for example on a full disk. */
let failed = 0;

process.stdout.on('error', (error) => {
  if (READER_GONE.has(error.code)) return;
  if (failed === 0) process.stderr.write(`plimsoll: standard output cannot be written: ${error.message}\n`);
  process.exitCode = failed = 1;
});
process.stderr.on('error', (error) => {
  if (!READER_GONE.has(error.code)) process.exitCode = failed = 1;
});

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code || failed;
});
