'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { bytes, change, rate, count, duration, percent } = require('../../lib/report/units.js');

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test('sizes', () => {
  const sizes = {
    0: '0 B',
    512: '512 B',
    1023: '1,023 B',
    1024: '1 KB',
    1536: '1.5 KB',
    3250585: '3.1 MB',
    100663296: '96 MB',
    1048575: '1 MB',
    2147483648: '2 GB',
  };
  for (const [n, text] of Object.entries(sizes)) assert.equal(bytes(Number(n)), text);
  assert.equal(bytes(-3000), '-2.9 KB');
  assert.equal(change(100663296), '+96 MB');
  assert.equal(change(-100663296), '-96 MB');
  assert.equal(change(0), '0 B');
  assert.equal(rate(3250585), '+3.1 MB/min');
});

test('counts and shares', () => {
  assert.equal(count(999), '999');
  assert.equal(count(48213), '48,213');
  assert.equal(count(-1234567), '-1,234,567');
  assert.equal(count(1234.5678), '1,234.5678');
  assert.equal(percent(0.94), '94 %');
  assert.equal(percent(0.001), '<1 %');
  assert.equal(percent(0), '0 %');
});

test('durations', () => {
  const spans = [
    [0, '0 ms'],
    [17.4, '17 ms'],
    [999.7, '1 s'],
    [4210, '4.2 s'],
    [33 * SECOND, '33 s'],
    [119.6 * SECOND, '2 min'],
    [128 * SECOND, '2 min 8 s'],
    [33 * MINUTE, '33 min'],
    [59.7 * MINUTE, '1 h'],
    [119.9 * MINUTE, '2 h'],
    [2 * HOUR + 10 * MINUTE, '2 h 10 min'],
    [10.6 * HOUR, '11 h'],
    [DAY - 1, '1 d'],
    [1.5 * DAY, '1 d 12 h'],
    [41 * DAY, '41 d'],
    [4100 * DAY, '4,100 d'],
  ];
  for (const [ms, text] of spans) assert.equal(duration(ms), text);
});

/** `2 h 10 min` back as a number. */
function read(text, units) {
  return text.split(/ (?=\d)/).reduce((sum, part) => {
    const [n, unit] = part.split(' ');
    return sum + Number(n.replaceAll(',', '')) * units[unit];
  }, 0);
}

test('what is read back is what was meant, within the two figures shown', () => {
  const size = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40, PB: 2 ** 50 };
  const span = { ms: 1, s: SECOND, min: MINUTE, h: HOUR, d: DAY };
  fc.assert(
    fc.property(fc.double({ min: 100, max: 2 ** 60, noNaN: true }), (n) => {
      assert.ok(Math.abs(read(bytes(n), size) - n) <= 0.06 * n, bytes(n));
      assert.ok(Math.abs(read(duration(n), span) - n) <= 0.06 * n, duration(n));
    }),
  );
});
