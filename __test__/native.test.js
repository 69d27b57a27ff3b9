'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { version } = require('../package.json');
const { native, requireNative } = require('../lib/native.js');

test('the binding loads and is of the version of the package', () => {
  assert.equal(native.version(), version);
  assert.equal(requireNative(), native);
});

test('PLIMSOLL_DISABLE=1 turns the native side off with a typed error', () => {
  const script = `
    const { native, requireNative } = require(${JSON.stringify(path.join(__dirname, '../lib/native.js'))});
    try { requireNative(); } catch (error) { process.stdout.write(JSON.stringify([native, error.code, error instanceof Error])); }`;
  const out = execFileSync(process.execPath, ['-e', script], { env: { ...process.env, PLIMSOLL_DISABLE: '1' } });
  assert.deepEqual(JSON.parse(out), [null, 'ERR_PLIMSOLL_DISABLED', true]);
});
