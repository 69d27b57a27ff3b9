'use strict';

const { constants } = require('node:os');

const ENDS = ['SIGHUP', 'SIGINT', 'SIGTERM'].filter((name) => name in constants.signals);

/** The status of a process that a signal ends, or null. @param {(signal: AbortSignal) => Promise<void>} work */
async function untilSignal(work) {
  const stop = new AbortController();
  const end = (name) => stop.abort(name);
  for (const name of ENDS) process.on(name, end);
  try {
    await work(stop.signal);
    return null;
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
    return 128 + constants.signals[stop.signal.reason];
  } finally {
    for (const name of ENDS) process.off(name, end);
  }
}

module.exports = { untilSignal };
