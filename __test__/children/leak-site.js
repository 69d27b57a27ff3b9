'use strict';
// A leak, watched without snapshots: prints the first report. argv: the directory, and the event (if any) whose snapshots are refused.
const { watch, takeSnapshot } = require('../../index.js');

const sessions = [];

// Line 8 is what the report has to name.
function login(i) {
  sessions.push({ user: i, roles: Array.from({ length: 100 }, () => i) });
}

const [, , dir, ...snapshotOn] = process.argv;
// The cooldown begins.
if (snapshotOn.length > 0) void takeSnapshot({ dir, cooldown: 0, method: 'in-process' });
const watcher = watch({ interval: 50, window: 2000, snapshotOn, report: ['json'], dir, log: 'silent' });
watcher.on('error', () => {});
watcher.once('report', (report) => {
  clearInterval(timer);
  process.stdout.write(JSON.stringify(report), () => process.exit(0));
});

// So many functions at one place that V8 inlines none of them.
const handlers = [login, (i) => ({ i }), (i) => [i], (i) => `${i}`, (i) => ({ a: i, b: i }), (i) => [i, i]];
let i = 0;
const timer = setInterval(() => {
  for (const end = i + 150 * handlers.length; i < end; i++) handlers[i % handlers.length](i);
  for (let k = 0; k < 2000; k++) JSON.parse('{"k":[1,2]}');
}, 10);
