'use strict';
// The process that makes a snapshot of a heap image (src/snapshot/converter): the image is its standard input, the file
// its standard output. Its standard error takes the result.

const fs = require('node:fs');
const { requireAnalyzer } = require('../analyzer-binding.js');
const { requireNative } = require('../native.js');
const { learnBuiltIns } = require('./built-ins.js');

const STANDARD_ERROR = 2;

async function main() {
  const { SnapshotConversion } = requireNative();
  const conversion = new SnapshotConversion(process.env.plimsoll_conversion ?? '');
  if (conversion.redacts) await learnBuiltIns();
  conversion.begin();
  try {
    const { SnapshotText } = requireAnalyzer();
    const text = new SnapshotText('-');
    for (let piece = text.read(); piece.length > 0 && conversion.write(piece); piece = text.read());
  } catch ({ message }) {
    conversion.fail(message);
  }
  fs.writeSync(STANDARD_ERROR, conversion.end());
}

void main();
