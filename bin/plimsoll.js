#!/usr/bin/env node
'use strict';

const { main } = require('../lib/cli/main.js');

// The reader has exited (EPIPE: `| head`; EIO: a terminal that was closed). The program that is watched and the reports go on.
const READER_GONE = new Set(['EPIPE', 'EIO']);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (!READER_GONE.has(error.code)) throw error;
  });
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
