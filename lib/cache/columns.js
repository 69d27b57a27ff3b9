'use strict';
// Columns: one cell for each slot.

/** An empty array of any values that V8 will not specialise: all caches share one kind of elements. */
function packed() {
  const array = /** @type {unknown[]} */ ([null]);
  array.length = 0;
  return array;
}

/** Returns an array of exactly `length` elements that starts with the elements of `from`. */
function cells(length, from = []) {
  const array = packed();
  array.length = length;
  array.fill(undefined);
  for (let slot = 0; slot < Math.min(length, from.length); slot++) array[slot] = from[slot];
  return array;
}

/** A longer copy of a typed array; new cells hold `blank`. */
function widen(column, length, blank = 0) {
  const wider = new column.constructor(length);
  if (blank !== 0) wider.fill(blank);
  wider.set(column.length > length ? column.subarray(0, length) : column);
  return wider;
}

/** A key as Map keeps it: -0 is 0. */
function normal(key) {
  return typeof key === 'number' ? key + 0 : key;
}

module.exports = { packed, cells, widen, normal };
