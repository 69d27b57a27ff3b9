'use strict';
// Analyzes a snapshot while the process has no descriptor left, and says what comes of it.

const fs = require('node:fs');
const { analyze } = require('../..');

// What a first analysis loads needs descriptors of its own.
analyze([__filename])
  .catch(() => {})
  .then(async () => {
    const held = [];
    try {
      for (;;) held.push(fs.openSync(__filename));
    } catch {
      // None is left.
    }
    const outcomes = [];
    for (const unref of [false, true])
      outcomes.push(
        await analyze([__filename], { unref }).then(
          () => 'a report',
          ({ code }) => code,
        ),
      );
    for (const each of held) fs.closeSync(each);
    console.log(JSON.stringify(outcomes));
  });
