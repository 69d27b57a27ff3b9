'use strict';
// The process that analyze() starts, and what is handed to it.

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { analyze } = require('../..');

test('names of more bytes than an argument may have reach the process', async () => {
  // As bytes 288 KB; the kernel takes 128 KB as one argument.
  const names = ['a', 'b', 'c'].map((letter) => `/${letter}${'€'.repeat(32_000)}`);
  await assert.rejects(
    analyze(names),
    ({ code }) => code.startsWith('ERR_PLIMSOLL_') && code !== 'ERR_PLIMSOLL_ANALYSIS',
  );
});

test('a name that no system has is refused at once, in a short message', async () => {
  await assert.rejects(
    analyze(['x'.repeat(50e6)]),
    ({ code, message }) =>
      code === 'ERR_PLIMSOLL_OPTION' &&
      message.length < 300 &&
      /at most 32767 characters, number 1 has 50000000/.test(message),
  );
});

test('the process ends when its parent does, also before it has a request', async () => {
  for (const written of ['', '{"paths":']) {
    const child = spawn(process.execPath, [path.join(__dirname, '../../lib/report/analyzer.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.write(written);
    child.stdin.end();
    assert.deepEqual(await once(child, 'exit'), [1, null]);
  }
});

test('a request that is no JSON is answered with an error', async () => {
  const child = spawn(process.execPath, [path.join(__dirname, '../../lib/report/analyzer.js')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write('no JSON\n');
  const [answer] = await once(child.stdout.setEncoding('utf8'), 'data');
  assert.equal(JSON.parse(answer).error.code, 'ERR_PLIMSOLL_ANALYSIS');
});
