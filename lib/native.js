'use strict';
// The one place that loads the binding. Where it does not load, `native` is null and `loadError`
// has the reason: caches work in plain JS, and the watcher reports that it is off.

const { isMainThread } = require('node:worker_threads');
const { version } = require('../package.json');
const { PlimsollError } = require('./errors.js');
const { badSwitches } = require('./options.js');
const { inRootContext } = require('./root-context.js');

if (isMainThread)
  for (const message of badSwitches())
    process.emitWarning(message, { type: 'PlimsollWarning', code: 'ERR_PLIMSOLL_OPTION' });

/** Whether the user turned the native side off: what can do without it does. */
const disabled = process.env.PLIMSOLL_DISABLE === '1';

/** @type {Record<string, any> | null} */
let native = null;
/** @type {Error | null} */
let loadError = null;

if (disabled) {
  loadError = new PlimsollError(
    'ERR_PLIMSOLL_DISABLED',
    'plimsoll is off because PLIMSOLL_DISABLE=1 is set; unset it to use the native side.',
  );
} else {
  try {
    // Loading opens handles of Node-API that live as long as the thread, each with the context in which it was made.
    const binding = inRootContext(() => require('../binding.js'));
    const built = binding.version();
    if (built === version) native = binding;
    else
      loadError = new PlimsollError(
        'ERR_PLIMSOLL_BINDING',
        `the native binary has version ${built}, the package ${version}; reinstall plimsoll.`,
      );
  } catch (error) {
    loadError = new PlimsollError('ERR_PLIMSOLL_BINDING', require('./load-error.js').explainLoadError(error), {
      cause: error,
    });
  }
}

/** The binding, or a typed error for a feature that cannot do without it. */
function requireNative() {
  if (native === null) throw loadError;
  return native;
}

module.exports = { native, loadError, disabled, requireNative };
