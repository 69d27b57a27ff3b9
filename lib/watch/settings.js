'use strict';
// The settings that plimsoll/register takes from the environment: names that are not known, and values that come late.

const { unknownVariables } = require('../options.js');
const { setTimeout } = require('../timers.js');

/** By then the application's own code runs. */
const LATER_MS = 1000;

const settingsOf = (env) => Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('PLIMSOLL_')));

/**
 * PM2's cluster mode gives an application its `env` after preloads have run: until then it is JSON in the variable
 * `pm2_env` (pm2/lib/ProcessContainer.js). The settings in it are set at once.
 * @param {NodeJS.ProcessEnv} env
 */
function adoptPm2(env) {
  if (env.pm2_env === undefined) return;
  try {
    for (const [name, value] of Object.entries(settingsOf(JSON.parse(env.pm2_env)))) env[name] = String(value);
  } catch {
    // Another's variable of that name.
  }
}

const warn = (code, message) => process.emitWarning(message, { type: 'PlimsollWarning', code });

/** One warning for all names that mean nothing. @param {NodeJS.ProcessEnv} env */
function warnUnknown(env) {
  const unknown = unknownVariables(env);
  if (unknown.length === 0) return;
  const named = unknown.map(({ name, meant }) => (meant === undefined ? name : `${name} (did you mean ${meant}?)`));
  warn(
    'PLIMSOLL_UNKNOWN_VARIABLE',
    `${named.join(', ')}: not a setting of plimsoll, and ignored; docs/options.md lists the settings.`,
  );
}

/** One warning where settings change after they were read. @param {NodeJS.ProcessEnv} env */
function warnChanged(env) {
  const before = settingsOf(env);
  const look = () => {
    const now = settingsOf(env);
    const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
      (name) => before[name] !== now[name],
    );
    if (changed.length === 0) return;
    warn(
      'PLIMSOLL_LATE_SETTING',
      `${changed.join(', ')} changed after plimsoll/register had read the settings, and has no effect; set it before the process starts, or require('plimsoll/register') on the first line of the application instead of --import.`,
    );
  };
  setTimeout(look, LATER_MS).unref();
}

module.exports = { adoptPm2, warnUnknown, warnChanged };
