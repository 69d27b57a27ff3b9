'use strict';
// A service that leaks. It prints each event of its watch as a line. argv: the directory, and `turning` or `stuck`: what
// its event loop does after the event suspect.
const fs = require('node:fs');
const { watch } = require('../../index.js');

const [, , dir, loop] = process.argv;
const sessions = new Map();
const say = (text) => fs.writeSync(1, `${text}\n`);

function remember() {
  for (let i = 0; i < 500; i++) sessions.set(sessions.size, { id: i, rows: [i, i, i, i] });
}

const timer = setInterval(remember, 5);
const watcher = watch({ dir, interval: 50, window: 6000, limit: 2 ** 28, snapshotOn: [], report: ['json'], log: 'silent' });
for (const event of ['leak', 'report', 'recovered']) watcher.on(event, () => say(event));
watcher.on('suspect', () => {
  say('suspect');
  if (loop !== 'stuck') return;
  clearInterval(timer);
  // Slowly: the process is killed before its memory ends.
  for (let turn = 0; ; turn++) if (turn % 2 ** 22 === 0) remember();
});
