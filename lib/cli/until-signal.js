'use strict';

const { constants } = require('node:os');

const ENDS = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT'].filter((name) => name in constants.signals);

/**
 * The status of a process that a signal ends, or null. Work that cannot be interrupted is finished first.
 * @param {(signal: AbortSignal) => Promise<void>} work
 */
async function untilSignal(work) {
  const stop = new AbortController();
  const end = (name) => stop.abort(name);
  for (const name of ENDS) process.on(name, end);
  try {
    await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted || error.name !== 'AbortError') throw error;
  } finally {
    for (const name of ENDS) process.off(name, end);
  }
  return stop.signal.aborted ? 128 + constants.signals[stop.signal.reason] : null;
}

module.exports = { untilSignal };
