'use strict';
// What the preload does: decides whether this process is one to watch, and never stops it from
// starting.

const path = require('node:path');
const { isMainThread, threadId } = require('node:worker_threads');
const { adoptPm2, warnUnknown, warnChanged } = require('./settings.js');
const { mainScript } = require('../script.js');

/** Package managers start the service; they are not the service. */
const NOT_A_SERVICE = /^(npm|npx|yarn|yarnpkg|pnpm|pnpx|corepack)(-cli)?(\.[cm]?js)?$/;

/** Who runs a service under `plimsoll run` waits for the evidence: the snapshot's child may work. */
const DIAGNOSIS_NICE = 5;

/** From SIGTERM to SIGKILL, where the run has gone. */
const GRACE_MS = 10_000;

function register(env = process.env) {
  adoptPm2(env);
  if (env.PLIMSOLL_DISABLE === '1') return undefined;
  if (env.PLIMSOLL_RUN_DIR !== undefined && isMainThread) endWithRun(env.PLIMSOLL_RUN_DIR);
  if (NOT_A_SERVICE.test(path.basename(mainScript() ?? ''))) return undefined;
  try {
    const { optionsFromEnv, resolveOptions } = require('../options.js');
    if (isMainThread) {
      warnUnknown(env);
      warnChanged(env);
    }
    const { watch, INTERNAL } = require('./watcher.js');
    const underRun = env.PLIMSOLL_RUN_DIR !== undefined;
    const given = optionsFromEnv(env);
    resolveOptions(given, 'env');
    const options = { log: underRun ? 'silent' : 'info', ...given };
    if (underRun)
      options[INTERNAL] = {
        statePath: path.join(env.PLIMSOLL_RUN_DIR, `${process.pid}.${threadId}.state`),
        nice: DIAGNOSIS_NICE,
      };
    return watch(options);
  } catch (error) {
    process.emitWarning(`the service runs unwatched: ${error.message}`, { type: 'PlimsollWarning', code: error.code });
    return undefined;
  }
}

/** Ends this process when `plimsoll run` is gone, also by kill -9. */
function endWithRun(dir) {
  try {
    require('../native.js').requireNative().endWithRun(dir, GRACE_MS);
  } catch {
    // The run is over, or the platform has no locks: the process runs on without it.
  }
}

module.exports = { register, NOT_A_SERVICE };
