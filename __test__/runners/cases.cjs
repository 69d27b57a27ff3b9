'use strict';
// What every runner runs: expectNoLeak passes clean functions and names the leak of a leaky one.
const assert = require('node:assert/strict');
const { expectNoLeak } = require('../../lib/test/index.js');

const sessions = [];
const recent = new Map();

function login(i) {
  sessions.push({ user: i, roles: [i, i + 1] });
}

module.exports = {
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
};
