'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { parseDuration, parseSize } = require('../../lib/check-options.js');
const { OPTIONS } = require('../../lib/options.js');

const DOCS = fs.readFileSync(path.join(__dirname, '../../docs/options.md'), 'utf8');
/** Rows of the first table: name, env, flag, type, unit, default, range, meaning. */
const rows = DOCS.split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
  .filter((cells) => cells.length === 8);

const written = (option, text) => {
  if (text === 'none') return option.type === 'list' ? [] : undefined;
  if (option.type === 'duration') return parseDuration(text);
  if (option.type === 'size') return parseSize(text);
  if (option.type === 'list') return text.split(', ');
  if (option.type === 'boolean') return text === 'true';
  return option.type === 'log' || option.type === 'path' ? text : Number(text);
};

test('docs/options.md has every option, and says of each what the code does', () => {
  assert.deepEqual(
    rows.map(([name]) => name),
    OPTIONS.map((option) => option.name),
  );
  for (const [at, option] of OPTIONS.entries()) {
    const [, env, flag, type, unit, byDefault, range] = rows[at];
    assert.equal(env, option.env, option.name);
    assert.equal(flag, option.flag ?? '', option.name);
    assert.equal(type, option.type, option.name);
    assert.equal(unit, option.unit ?? '', option.name);
    if (option.default === undefined) assert.match(byDefault, /^found out/, option.name);
    else assert.deepEqual(written(option, byDefault), option.default, option.name);
    if (option.values) assert.equal(range, option.values.join(', '), option.name);
    else if (option.min !== undefined)
      assert.deepEqual(
        range.split(' to ').map((text) => written(option, text)),
        [option.min, option.max],
        option.name,
      );
  }
});

test('every PLIMSOLL_ variable that the code reads is in the documentation', () => {
  const read = new Set();
  for (const folder of ['lib', 'src']) {
    const files = fs
      .readdirSync(path.join(__dirname, '../..', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(js|rs)$/.test(name));
    for (const name of files)
      for (const [variable] of fs
        .readFileSync(path.join(__dirname, '../..', folder, name), 'utf8')
        .matchAll(/(?<![A-Z_])PLIMSOLL_[A-Z_]+(?=['"}\]:,. ])/g))
        read.add(variable);
  }
  const warnings = /^PLIMSOLL_(ALREADY_WATCHING|LISTENER|ERROR|SHARED_DIR|FORK_DENIED|UNKNOWN_VARIABLE|LATE_SETTING)$/; // codes of warnings, not variables
  const simulation = /^PLIMSOLL_SIM_/; // of cargo test, docs/reliability.md
  assert.ok(read.has('PLIMSOLL_DISABLE') && read.has('PLIMSOLL_HOOKS'));
  for (const variable of read)
    if (!warnings.test(variable) && !simulation.test(variable))
      assert.ok(DOCS.includes(`\`${variable}\``), `${variable} is not in docs/options.md`);
});
