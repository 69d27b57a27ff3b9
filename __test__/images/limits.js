'use strict';
// What npm run test:images accepts. The shares are those that the reader reaches, rounded up: a change that makes an
// image less like V8's snapshot fails.

/** What is on one side alone, as a share of V8's count. */
const SHARES = {
  'nodes, program': 0.001,
  'self sizes, program': 0.001,
  'edges, program': 0.0005,
  "nodes, V8's own": 0.002,
  "self sizes, V8's own": 0.003,
  "edges, V8's own": 0.002,
  variables: 0,
  lines: 0.01,
};
/** The same of the program's and V8's own together. */
const ALL = { nodes: 0.001, edges: 0.001 };
/** Of the 1,000 objects that retain most: the share that the image has, and that retains as much within 1 %. */
const FOUND = 0.995;
const EQUAL = 0.985;

module.exports = { SHARES, ALL, FOUND, EQUAL };
