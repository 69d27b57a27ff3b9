'use strict';
// What only the README has; its blocks, commands and links are held by docs.test.js.

const test = require('node:test');
const assert = require('node:assert/strict');
const { read } = require('./support/pages.js');

test('the two commands stand at the top', () => {
  const top = read('README.md').split('\n').slice(0, 12).join('\n');
  assert.ok(top.includes('npm ci && npm run demo') && top.includes('npm ci && npm test'));
});
