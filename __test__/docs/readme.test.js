'use strict';
// What only the README has; docs.test.js checks its blocks, commands and links.

const test = require('node:test');
const assert = require('node:assert/strict');
const { render } = require('../../lib/report/terminal.js');
const { read } = require('../support/pages.js');

/** Lines of a page that a reader sees without scrolling. */
const FIRST_SCREEN = 30;

test('the first screen has the commands of a user, then those of a clone', () => {
  const screen = read('README.md').split('\n').slice(0, FIRST_SCREEN).join('\n');
  const at = [
    'npm install plimsoll',
    'npx plimsoll run',
    'From a clone',
    'npm ci && npm run demo',
    'npm ci && npm test',
  ].map((text) => screen.indexOf(text));
  assert.ok(at[0] >= 0, screen);
  assert.deepEqual(
    at,
    at.toSorted((a, b) => a - b),
    screen,
  );
});

test('the block of a run is what the terminal shows of its report', () => {
  const report = require('../../docs/images/report.json');
  const block = /<!-- docs\/images\/make\.js -->\n```text\n([^]*?)```/.exec(read('README.md'))[1];
  assert.equal(
    block,
    render(report, { width: 100, cwd: report.process.cwd }),
    'node docs/images/make.js docs/images/report.json',
  );
});
