'use strict';
// What every runner runs: expectNoLeak passes clean functions and names the leak of a leaky one, in tests that are repeated or
// run together too.
const assert = require('node:assert/strict');
const { expectNoLeak } = require('../../lib/test/index.js');

const sessions = [];
const recent = new Map();

function login(i) {
  sessions.push({ user: i, roles: [i, i + 1] });
}

const cases = {
  async 'a function that allocates and keeps nothing passes'() {
    await expectNoLeak((i) => JSON.parse(JSON.stringify({ i, list: [i, i] })));
  },
  async 'an async one passes'() {
    await expectNoLeak(async (i) => Buffer.from(`${await i}`).toString('hex'));
  },
  async 'a bounded cache passes'() {
    await expectNoLeak((i) => {
      recent.set(i, { i });
      if (recent.size > 300) recent.delete(recent.keys().next().value);
    });
  },
  async 'a leak fails, and is named'() {
    await assert.rejects(expectNoLeak(login), (error) => {
      assert.equal(error.code, 'ERR_PLIMSOLL_LEAK');
      assert.match(error.message, /^login leaks: about \d+ bytes a call[\s\S]*% of it allocated in login \(\S*cases\.cjs:\d+\)/);
      return true;
    });
  },
  async 'a function that measures another one is refused, after an await too'() {
    const nested = async () => {
      await Promise.resolve();
      await expectNoLeak(() => {});
    };
    await assert.rejects(expectNoLeak(nested), { code: 'ERR_PLIMSOLL_BUSY' });
  },
};

const few = { iterations: 50, warmup: 50, rounds: 8 };
const seen = new Set();
let attempts = 0;

/** To be repeated twice: each attempt finds again what is kept by number. */
async function attempt() {
  await assert.rejects(expectNoLeak((i) => void seen.add(i), few), { code: 'ERR_PLIMSOLL_LEAK' });
  if (++attempts < 3) throw new Error(`attempt ${attempts} is followed by another`);
}

const rows = [];
/** To be run together: each is judged by its own calls. */
const together = {
  'a clean function beside a leaky one passes': () => expectNoLeak((i) => `${i}`.length, few),
  'a leaky function beside a clean one fails': () => assert.rejects(expectNoLeak((i) => void rows.push({ i }), few), { code: 'ERR_PLIMSOLL_LEAK' }),
};

/** @param {(name: string) => Function} mockOf  makes a mock function of the runner's own that has a name */
async function named(mockOf) {
  const recording = mockOf('save');
  await assert.rejects(expectNoLeak((i) => recording(i), few), (error) => {
    assert.match(error.message, /the mock function save has recorded [\d,]+ calls/);
    assert.equal(error.mocks[0].name, 'save');
    return true;
  });
}

module.exports = { cases, attempt, together, named };
