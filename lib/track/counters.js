'use strict';
// Counts in memory that the native sampler reads by itself, while this thread is blocked too.
// src/track/registry.rs has the same layout. Where there is no native side, it is plain memory.

const { threadId } = require('node:worker_threads');
const { TRACKED_KINDS, TRACKED_ROW_WORDS: ROW_WORDS } = require('../facts.js');
const { native } = require('../native.js');
const { label } = require('./sites.js');

const ROWS = 1024;

/** What stands where in a row; `ID` 0 marks one that is not in use. */
const ID = 0;
const KIND = 1;
const NAME = 2;
const SITE = 3;
const COUNT = 4;
const ADDED = 5;

/** Stands for a row where none is left: written, never read. */
const NO_ROW = new Float64Array(ROW_WORDS);

/** @type {Float64Array[] | null} */
let unused = null;
let lastId = 0;

function openTable() {
  const buffer = native === null ? new ArrayBuffer(ROWS * ROW_WORDS * 8) : native.trackTable(threadId, ROWS);
  return Array.from(
    { length: ROWS },
    (_, row) => new Float64Array(buffer, row * ROW_WORDS * 8, ROW_WORDS),
  ).toReversed();
}

/** @param {string} kind @param {string} name @returns {Float64Array} */
function openRow(kind, name) {
  unused ??= openTable();
  const row = unused.pop();
  if (row === undefined) return NO_ROW;
  row.fill(0);
  row[KIND] = TRACKED_KINDS.indexOf(kind);
  row[NAME] = intern(name);
  row[ID] = ++lastId;
  return row;
}

/** @param {Float64Array} row */
function closeRow(row) {
  if (row === NO_ROW) return;
  row[ID] = 0;
  unused.push(row);
}

const intern = (text) => (native === null ? 0 : native.trackIntern(text));

/** @type {Map<number, number>} native numbers of sites */
const interned = new Map();

/** Says in a row where most of what it counts came from. @param {number} site  of sites.js */
function setSite(row, site) {
  if (row === NO_ROW) return;
  if (!interned.has(site)) interned.set(site, intern(label(site)));
  row[SITE] = interned.get(site);
}

module.exports = { openRow, closeRow, setSite, NO_ROW, COUNT, ADDED };
