'use strict';
// What only the README has; its blocks, commands and links are held by docs.test.js.

const test = require('node:test');
const assert = require('node:assert/strict');
const { render } = require('../lib/report/terminal.js');
const { read } = require('./support/pages.js');

test('the two commands stand at the top', () => {
  const top = read('README.md').split('\n').slice(0, 12).join('\n');
  assert.ok(top.includes('npm ci && npm run demo') && top.includes('npm ci && npm test'));
});

test('the block of a run is what the terminal shows of its report', () => {
  const report = require('../docs/images/report.json');
  const block = /<!-- docs\/images\/make\.js -->\n```text\n([^]*?)```/.exec(read('README.md'))[1];
  assert.equal(block, render(report, { width: 100, cwd: report.process.cwd }), 'node docs/images/make.js docs/images/report.json');
});
