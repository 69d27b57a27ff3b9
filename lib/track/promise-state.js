'use strict';
// Whether a promise is pending, which JS itself cannot tell without adding a reaction (and so marking
// a rejection as handled): Node's inspect can. 2 us; only for samples.

const { inspect } = require('node:util');

const OPTIONS = {
  depth: 0,
  customInspect: false,
  maxArrayLength: 0,
  maxStringLength: 0,
  compact: true,
  breakLength: Infinity,
};

function isPending(promise) {
  return inspect(promise, OPTIONS).includes('{ <pending>');
}

module.exports = { isPending };
