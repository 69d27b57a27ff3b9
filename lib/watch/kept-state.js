'use strict';
// The state that a watch keeps in `dir` for the process that starts there next, and how this process ends.

const { constants } = require('node:os');
const { threadId, isMainThread } = require('node:worker_threads');
const { makeDirectory } = require('../directories.js');
const { requireNative } = require('../native.js');
const { mainScript } = require('../script.js');
const { processStem } = require('./process-stem.js');

let isMarking = false;

/**
 * Notes of a cluster's workers the code or the signal that ended them, once for the process.
 * @param {string} dir
 */
function markWorkers(dir) {
  if (isMarking || !isMainThread) return;
  isMarking = true;
  const cluster = require('node:cluster');
  if (!cluster.isPrimary) return;
  cluster.on('exit', (worker, code, signal) => {
    try {
      const { processesIn } = require('../postmortem/ended.js');
      const number = signal === null ? null : constants.signals[signal];
      for (const { pid, files } of processesIn(dir))
        if (pid === worker.process.pid) for (const file of files) requireNative().markEnded(file, code, number);
    } catch {
      // Then the cause of death is unknown.
    }
  });
}

/**
 * Keeps the state from now on, to the exit of this thread. A process that ends by itself without a finding leaves
 * nothing.
 * @param {any} native  the sampler's native side @param {string} dir
 * @returns {{ reason: string | null, release: () => void }} why it is not kept
 */
function keepState(native, dir) {
  const onExit = (code) => {
    if (isMainThread) requireNative().markExit(code & 0xff);
    native.stop();
  };
  try {
    makeDirectory(dir);
    native.keepState(dir, processStem(), threadId);
    markWorkers(dir);
    process.on('exit', onExit);
    return { reason: null, release: () => process.off('exit', onExit) };
  } catch (error) {
    return { reason: `No post-mortem of this process will be possible: ${error.message}.`, release: () => {} };
  }
}

/** What a process has in common with its predecessor. @param {import('../report/shown.js').Shown} shown */
const roleOf = (shown) => ({
  script: shown.script(mainScript() ?? null),
  role: require('node:cluster').isWorker ? 'worker' : 'main',
});

module.exports = { keepState, roleOf };
