'use strict';
// What outputs show of the names that trackers and profiles bring, with redaction on.
const test = require('node:test');
const assert = require('node:assert/strict');
const { before } = require('node:test');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PLAIN, shownAs } = require('../../lib/report/shown.js');

const shown = shownAs(true);
before(() => shown.learn([]));
const HASH = /^redacted-[0-9a-f]{12}$/;

const suspect = (cause, name, steps, advice = 'fix it') => ({
  cause,
  name,
  file: `/srv/${name}.js`,
  line: 1,
  column: 1,
  path: steps,
  advice,
  sites: [
    {
      function: 'emit',
      file: '/srv/secret.js',
      line: 1,
      column: 1,
      caller: { function: 'secret_1', file: __filename, line: 2, column: 3 },
    },
  ],
});

test('every tracked suspect is redacted, by cause', () => {
  const secret = 'secret 17: x';
  const cases = [
    [
      suspect(
        'listeners',
        secret,
        ['EventEmitter secret bus', secret, 'listeners'],
        `off(${JSON.stringify(secret)}, listener)`,
      ),
      [/^EventEmitter redacted-\w+$/, HASH, /^listeners$/],
    ],
    [suspect('listeners', secret, ['17 of Socket', secret, 'listeners']), [/^17 of Socket$/, HASH, /^listeners$/]],
    [
      suspect('timers', 'secret_17', ['active timers of Node', 'setInterval, 10 ms', 'secret_17']),
      [/^active/, /^setInterval/, HASH],
    ],
    [suspect('promises', 'secret_17', ['pending promises', 'secret_17']), [/^pending/, HASH]],
    [
      suspect('sockets', 'secret.example:443', ['https agents (3)', 'secret.example:443', '1 free']),
      [/^https agents \(3\)$/, HASH, /^1 free$/],
    ],
    [
      suspect('streams', 'secret_17', ['secret_17', '5 bytes buffered', 'its consumer is gone']),
      [HASH, /^5 bytes/, /^its consumer/],
    ],
    [suspect('map', 'secret_17', ['caches', 'secret_17', '5 of 10 entries']), [/^caches$/, HASH, /^5 of 10/]],
    [
      suspect('map', '/srv/secret.js:12:5', ['caches', '/srv/secret.js:12:5', '5 of 10 entries']),
      [/^caches$/, /^redacted-\w+:12:5$/, /^5 of 10/],
    ],
    [suspect('a new cause', 'secret_17', ['secret_17', 'anything']), [HASH, HASH]],
  ];
  for (const [given, steps] of cases) {
    const found = shown.suspect(given);
    assert.doesNotMatch(JSON.stringify(found), /secret/, JSON.stringify(found));
    steps.forEach((step, at) => assert.match(found.path[at], step));
    assert.equal(found.sites[0].function, 'emit');
    assert.equal(found.sites[0].caller.file, __filename);
    assert.deepEqual(PLAIN.suspect(given), given);
  }
});

test('names of the code stay, events of ours too, and equal names have equal hashes', () => {
  assert.equal(shown.name('close'), 'close');
  assert.equal(shown.label('EventEmitter: drain'), 'EventEmitter: drain');
  assert.equal(shown.label('AbortSignal: AbortSignal.any'), 'AbortSignal: AbortSignal.any');
  assert.equal(shown.function('Socket.emit'), 'Socket.emit');
  assert.equal(shown.script(__filename), __filename);
  assert.equal(shown.script(`file://${__filename}?token=1`), `file://${__filename}`);
  assert.equal(shown.script('node:events'), 'node:events');
  for (const nothing of [null, undefined, ''])
    for (const rule of ['name', 'function', 'script']) assert.equal(shown[rule](nothing), nothing);
  assert.equal(shown.name('secret 1'), shown.name('secret 1'));
  assert.notEqual(shown.name('secret 1'), shown.name('secret 2'));
});

test("the program's own names stay once its files were read, and what it quotes does not", async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-redaction-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'app.js');
  fs.writeFileSync(file, ['const ', ''].join('inTheCode') + "= 'in' + `quoted`; if (a) /`/.test('quotedToo');");
  for (const word of ['inTheCode', 'quotedToo']) assert.match(shown.name(`${word}`), HASH);
  await shown.learn([file]);
  assert.equal(shown.name(['in', 'TheCode'].join('')), ['in', 'TheCode'].join(''));
  assert.match(shown.name('quotedToo'), HASH);
});
