'use strict';
// Two tests that runners repeat: one must fail in the end, the other passes in its second attempt.
const { expectNoLeak } = require('../../lib/test/index.js');

const few = { iterations: 50, warmup: 50 };
const users = new Map();
const seen = new Set();
let keeps = true;

const login = ({ name }) => void users.set(name, { name });
const see = (i) => void (keeps && seen.add(i));

/** The example of docs/detection.md. */
async function leaks() {
  await expectNoLeak(async (i) => login({ name: `user ${i}` }), few);
}

async function leaksOnce() {
  try {
    await expectNoLeak(see, few);
  } finally {
    keeps = false;
  }
}

module.exports = { leaks, leaksOnce };
