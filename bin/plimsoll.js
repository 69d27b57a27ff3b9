#!/usr/bin/env node
'use strict';

const { main } = require('../lib/cli/main.js');

// Who read us is gone (a closed terminal, `| head`): the program that we watch and the reports go on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

main(process.argv.slice(2)).then((code) => {
  process.exitCode = code;
});
