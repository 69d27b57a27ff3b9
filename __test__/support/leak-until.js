'use strict';
const fs = require('node:fs');
const path = require('node:path');

/** The source of a program of children/ that leaks until it has heard `count` messages on a channel of ours: a slow machine takes its time. */
const leakUntil = (child, channel, count) => `${fs.readFileSync(path.join(__dirname, '../children', child), 'utf8')}
  let heard = 0;
  require('node:diagnostics_channel').subscribe('plimsoll:${channel}', () => {
    if (++heard === ${count}) setTimeout(() => process.exit(0), 500);
  });`;

module.exports = { leakUntil };
