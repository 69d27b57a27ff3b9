'use strict';
// How often a test of this folder repeats what it counts: few times in `npm test`, all times in `npm run test:evidence`.
// PLIMSOLL_TEST_ALL_ROUNDS is not a setting of plimsoll: the programs under test do not get it.

const ALL = 'PLIMSOLL_TEST_ALL_ROUNDS';
const isAll = process.env[ALL] === '1';
delete process.env[ALL];

/** @param {number} few @param {number} all */
const rounds = (few, all) => (isAll ? all : few);

module.exports = { rounds, isAll };
