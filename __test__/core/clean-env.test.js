'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { cleanEnv } = require('../../lib/clean-env.js');

test('a process of ours gets texts alone, and nothing that steers Node or plimsoll', (t) => {
  const { env } = process;
  t.after(() => (process.env = env));
  const inherited = Object.create({ each: () => {} });
  process.env = Object.assign(inherited, {
    PATH: '/bin',
    LANG: Symbol('c'),
    TZ: 1,
    NODE_OPTIONS: '-r x',
    PLIMSOLL_DIR: '/',
  });
  assert.deepEqual(cleanEnv(), { PATH: '/bin' });
});
