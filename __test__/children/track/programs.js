'use strict';
// The programs of this folder that leak, with what the trackers are to say of each. The line that leaks
// ends in `// leak`.

const fs = require('node:fs');
const path = require('node:path');

/** Cause and name. */
const LEAKS = {
  'listener-emitter.js': ['listeners', 'change'],
  'listener-unlimited.js': ['listeners', 'message'],
  'listener-process.js': ['listeners', 'SIGUSR2'],
  'listener-signal.js': ['listeners', 'abort'],
  'signal-any.js': ['listeners', 'AbortSignal.any'],
  'signal-chain.js': ['listeners', 'AbortSignal.any'],
  'listener-socket.js': ['listeners', 'close'],
  'event-names.js': ['listeners', '(any event)'],
  'interval.js': ['timers', 'connected'],
  'timeout.js': ['timers', 'setTimeout'],
  'promise.js': ['promises', 'answer'],
  'promise-timer.js': ['timers', 'setTimeout'],
  'stream.js': ['streams', null],
  'agent.js': ['sockets', /^127\.0\.0\.1:\d+$/],
  'response.js': ['sockets', /^127\.0\.0\.1:\d+$/],
  'fetch.js': ['sockets', /^127\.0\.0\.1:\d+$/],
  'cache.js': ['map', 'sessions'],
};

/** Node 22 collects a chain of signals, and its listeners are never called: no leak. */
const NO_LEAK = { 22: ['signal-chain.js'] };

/** @param {string} version  of Node, its first number */
const leaksOn = (version) => programs.filter(({ program }) => !NO_LEAK[version]?.includes(program));

const programs = Object.entries(LEAKS).map(([program, [cause, name]]) => {
  const file = path.join(__dirname, program);
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  return { program, cause, name, file, line: 1 + lines.findIndex((line) => line.endsWith('// leak')) };
});

module.exports = { leaksOn };
