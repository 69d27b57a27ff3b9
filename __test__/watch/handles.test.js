'use strict';
// Handles whose number only rises are a remark of the watch.

const test = require('node:test');
const assert = require('node:assert/strict');
const net = require('node:net');
const { once } = require('node:events');
const { watch } = require('../..');
const { HandleCounts } = require('../../lib/watch/handles.js');

const WINDOW = 12_000;

/** The remarks after these counts of sockets, one each twelfth of the window. */
function notesOf(counts) {
  let open = [];
  const handles = new HandleCounts(WINDOW, () => open);
  counts.forEach((count, at) => {
    open = [
      ...Array.from({ length: count }, () => 'TCPSocketWrap'),
      'TCPServerWrap',
      ...Array.from({ length: at * 50 }, () => 'Timeout'),
    ];
    handles.tick(at * 1000);
    handles.tick(at * 1000 + 500);
  });
  return handles.notes();
}

test('a number that only rises is remarked, with its figures', () => {
  const [note, ...others] = notesOf([0, 10, 20, 30, 40, 50]);
  assert.match(note, /type TCPSocketWrap only rise: from 0 to 50 in 0\.1 min/);
  assert.deepEqual(others, []);
  assert.equal(notesOf([10, 10, 50, 50, 90, 90]).length, 1, 'it may pause');
});

test('what falls, is short, small or steady is not', () => {
  const counts = {
    falls: [0, 20, 40, 39, 60, 80],
    short: [0, 40, 80, 120, 160],
    small: [0, 5, 10, 15, 20, 25],
    steady: [500, 500, 505, 510, 512, 540],
  };
  for (const [name, list] of Object.entries(counts)) assert.deepEqual(notesOf(list), [], name);
  assert.deepEqual(
    notesOf([0, 10, 20, 30, 40, 50, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10]),
    [],
    'a fall that is over',
  );
});

test('a type that is new counts from 0, and one that is gone is forgotten', () => {
  assert.equal(notesOf([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40]).length, 1);
  assert.deepEqual(notesOf([0, 40, ...Array.from({ length: 20 }, () => 0)]), []);
});

test('a watch has the remark in its stats', async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const sockets = [];
  const watcher = watch({ interval: 100, window: 3000, snapshotOn: [], report: [] });
  t.after(() => {
    watcher.stop();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  server.on('connection', (socket) => sockets.push(socket));
  const remark = () => watcher.stats().notes.find((note) => note.includes('TCPSocketWrap'));
  while (remark() === undefined && sockets.length < 5000) {
    const client = net.connect(port, '127.0.0.1');
    sockets.push(client);
    await once(client, 'connect');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.match(remark(), /only rise: from \d+ to \d+/);
});
