'use strict';
// The name of this process in the files that it leaves: `20261121T081939123Z-19211`. A container that is restarted has
// the same pid, so the time of the start is part of the name.

const { requireNative } = require('../native.js');

/** The same in all threads of the process. @returns {string} */
function processStem() {
  const started = new Date(Date.now() - process.uptime() * 1000);
  const time = started.toISOString().replaceAll(/[-:.]/g, '');
  return requireNative().processStem(`${time}-${process.pid}`);
}

module.exports = { processStem };
