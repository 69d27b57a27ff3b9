'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { parseDuration, parseSize, suggest } = require('../../lib/check-options.js');
const { badSwitches, OPTIONS, resolveOptions, optionsFromEnv } = require('../../lib/options.js');

const refused = (code, message) => (error) => {
  assert.equal(error.code, code);
  assert.match(error.message, message);
  assert.ok(error instanceof TypeError || error instanceof RangeError);
  return true;
};

test('durations and sizes are read as people write them', () => {
  for (const [text, ms] of [
    ['1500', 1500],
    ['30s', 30_000],
    ['15m', 900_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['1e3', 1000],
    ['1h30m', 5_400_000],
    ['1m 30s', 90_000],
    ['2d12h', 216_000_000],
  ])
    assert.equal(parseDuration(text), ms, text);
  for (const [text, bytes] of [
    ['1048576', 1048576],
    ['512m', 2 ** 29],
    ['2g', 2 ** 31],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['64KB', 65_536],
    ['10b', 10],
  ])
    assert.equal(parseSize(text), bytes, text);
  for (const text of [
    '',
    's',
    '-5s',
    '5 weeks',
    '1e',
    '1e3s',
    'e3',
    '0x10',
    '5s5s',
    '30m1h',
    '1h30',
    'NaN',
    'Infinity',
    '__proto__',
  ]) {
    assert.ok(Number.isNaN(parseDuration(text)), text);
    assert.ok(Number.isNaN(parseSize(text)), text);
  }
});

test('an error has the name of its class', () => {
  const errors = require('../../lib/errors.js');
  for (const [name, base] of [
    ['PlimsollError', Error],
    ['PlimsollTypeError', TypeError],
    ['PlimsollRangeError', RangeError],
  ]) {
    const error = new errors[name]('ERR_PLIMSOLL_OPTION', 'text');
    assert.equal(error.constructor.name, name);
    assert.equal(error.name, base.name);
  }
});

test('defaults are those of the design', () => {
  const options = resolveOptions();
  assert.equal(options.interval, 1000);
  assert.equal(options.window, 900_000);
  assert.equal(options.threshold, 0.85);
  assert.deepEqual(options.snapshotOn, ['leak', 'near-limit']);
  assert.deepEqual([options.maxFiles, options.maxBytes, options.cooldown], [6, 2 * 2 ** 30, 3_600_000]);
  assert.deepEqual(
    Object.keys(options),
    OPTIONS.map((option) => option.name),
  );
});

test('unknown and nonsensical options are refused at once, and the message says what to do', () => {
  assert.throws(
    () => resolveOptions({ intervall: 5 }),
    refused('ERR_PLIMSOLL_OPTION', /options\.intervall .*did you mean options\.interval\?/),
  );
  assert.throws(() => resolveOptions({ zzzzzzzzz: 5 }), refused('ERR_PLIMSOLL_OPTION', /Known: options\.interval, /));
  assert.throws(
    () => resolveOptions({ interval: 'soon' }),
    refused('ERR_PLIMSOLL_OPTION', /options\.interval must be a duration in ms, or like "30s"/),
  );
  assert.throws(() => resolveOptions({ interval: 1 }), refused('ERR_PLIMSOLL_OPTION', /at least 50/));
  assert.throws(() => resolveOptions({ threshold: 85 }), refused('ERR_PLIMSOLL_OPTION', /at most 1/));
  assert.throws(() => resolveOptions({ snapshotOn: ['leek'] }), refused('ERR_PLIMSOLL_OPTION', /"leek" is unknown/));
  assert.throws(() => resolveOptions({ maxFiles: 1.5 }), refused('ERR_PLIMSOLL_OPTION', /whole number/));
  assert.throws(() => resolveOptions({ dir: '' }), refused('ERR_PLIMSOLL_OPTION', /a path/));
  assert.throws(() => resolveOptions({ log: { info() {} } }), refused('ERR_PLIMSOLL_OPTION', /a logger with/));
  assert.throws(
    () => resolveOptions({ window: 5000, interval: 1000 }),
    refused(
      'ERR_PLIMSOLL_OPTION',
      /window \(5000 ms\) must be at least 12 intervals \(1000 ms each\).* Write interval: 400 or window: 12000\.$/,
    ),
  );
  assert.throws(() => resolveOptions([]), refused('ERR_PLIMSOLL_OPTION', /watch\(\) needs an object of options/));
  assert.throws(() => resolveOptions(7), refused('ERR_PLIMSOLL_OPTION', /watch\(\) needs an object of options, not 7/));
});

test('code takes durations and sizes as the environment does', () => {
  const { interval, window, limit, cooldown } = resolveOptions({
    interval: '500ms',
    window: '1h30m',
    limit: '512m',
    cooldown: '0',
  });
  assert.deepEqual(
    { interval, window, limit, cooldown },
    { interval: 500, window: 5_400_000, limit: 2 ** 29, cooldown: 0 },
  );
  assert.throws(() => resolveOptions({ interval: '1' }), refused('ERR_PLIMSOLL_OPTION', /at least 50/));
  assert.throws(
    () => resolveOptions({ threshold: '0.5' }),
    refused('ERR_PLIMSOLL_OPTION', /options\.threshold must be a number from 0 to 1/),
  );
});

test('the refusal of a window of too few intervals shows what to write', () => {
  const given = { window: 5000, interval: 1000 };
  assert.throws(
    () => resolveOptions(given, 'flag'),
    refused(
      'ERR_PLIMSOLL_OPTION',
      /window \(5s\) must be at least 12 intervals \(1s each\).* Write --interval 400ms or --window 12s\.$/,
    ),
  );
  assert.throws(
    () => resolveOptions(given, 'env'),
    refused('ERR_PLIMSOLL_OPTION', /Write PLIMSOLL_INTERVAL=400ms or PLIMSOLL_WINDOW=12s\.$/),
  );
  // What is written is accepted.
  for (const window of [1000, 1999, 5000, 14_000, 59_999]) {
    const message = errorOf(() => resolveOptions({ window, interval: window }));
    const [, interval, longer] = /interval: (\d+) or window: (\d+)/.exec(message).map(Number);
    resolveOptions({ window, interval });
    resolveOptions({ window: longer, interval: window });
  }
});

function errorOf(run) {
  try {
    run();
  } catch ({ message }) {
    return message;
  }
  return assert.fail('it is accepted');
}

test('variables that turn something off take two values each', () => {
  assert.deepEqual(badSwitches({ PLIMSOLL_DISABLE: '1', PLIMSOLL_HOOKS: 'off' }), []);
  assert.deepEqual(badSwitches({ PLIMSOLL_DISABLE: '', PLIMSOLL_HOOKS: 'on' }), []);
  assert.deepEqual(badSwitches({ PLIMSOLL_DISABLE: 'yes', PLIMSOLL_HOOKS: 'no' }), [
    'PLIMSOLL_DISABLE must be 1 or 0; it is "yes", which has no effect.',
    'PLIMSOLL_HOOKS must be off or on; it is "no", which has no effect.',
  ]);
});

test('the environment speaks the same language, and errors name the variable', () => {
  const options = optionsFromEnv({
    PLIMSOLL_WINDOW: '30s',
    PLIMSOLL_LIMIT: '512m',
    PLIMSOLL_SNAPSHOT_ON: 'none',
    PLIMSOLL_TRACK: '1',
    PLIMSOLL_REPORT: 'json, html',
    PLIMSOLL_DIR: '',
  });
  assert.deepEqual(options, { window: 30_000, limit: 2 ** 29, snapshotOn: [], report: ['json', 'html'], track: true });
  assert.throws(
    () => optionsFromEnv({ PLIMSOLL_WINDOW: 'soon' }),
    refused('ERR_PLIMSOLL_OPTION', /PLIMSOLL_WINDOW must be .* it is "soon"/),
  );
  assert.throws(() => optionsFromEnv({ PLIMSOLL_TRACK: 'maybe' }), refused('ERR_PLIMSOLL_OPTION', /PLIMSOLL_TRACK/));
});

test('whatever is given, the answer is valid options or a typed error', () => {
  const names = OPTIONS.map((option) => option.name);
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names, 'other'), fc.anything(), { maxKeys: 3 }), (given) => {
      try {
        const options = resolveOptions(given);
        for (const option of OPTIONS) {
          const value = options[option.name];
          if (typeof value === 'number') assert.ok(value >= option.min && value <= option.max);
        }
      } catch (error) {
        assert.equal(error.code, 'ERR_PLIMSOLL_OPTION', error.stack);
      }
    }),
  );
});

test('a suggestion is made only for a near miss', () => {
  assert.equal(suggest('--windw', ['--window', '--limit']), '--window');
  assert.equal(suggest('--frobnicate', ['--window', '--limit']), undefined);
});
