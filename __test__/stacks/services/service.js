'use strict';
// node service.js NAME: starts the stack, and prints `port N` when it listens. LEAK=1 turns its leak on.

const stack = require(`./${process.argv[2]}.js`);

stack.start({ leaks: process.env.LEAK === '1' }).then(
  (port) => process.stdout.write(`port ${port}\n`),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
);
