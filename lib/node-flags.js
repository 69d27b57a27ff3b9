'use strict';
// The flags that Node was started with: on its command line and in NODE_OPTIONS.

/**
 * The arguments of NODE_OPTIONS, as Node splits it: at spaces, which double quotes keep together; a backslash escapes
 * in them.
 */
function splitOptions(text) {
  const found = text.match(/(?:[^\s"]|"(?:\\.|[^"\\])*"?)+/g) ?? [];
  return found.map((each) => each.replaceAll(/"((?:\\.|[^"\\])*)"?/g, (_, inner) => inner.replaceAll(/\\(.)/g, '$1')));
}

/**
 * The value of a flag, written `--flag=value` or `--flag value`, with dashes or underscores. Of several the last one
 * holds, and the command line before NODE_OPTIONS.
 * @param {string} flag with dashes
 * @param {{ execArgv?: string[], env?: NodeJS.ProcessEnv }} [where]
 * @returns {string | undefined}
 */
function flagValue(flag, { execArgv = process.execArgv, env = process.env } = {}) {
  const given = [...splitOptions(env.NODE_OPTIONS ?? ''), ...execArgv];
  let value;
  for (const [at, argument] of given.entries()) {
    const [name] = argument.split('=', 1);
    if (name.replaceAll('_', '-') !== flag) continue;
    value = name === argument ? given[at + 1] : argument.slice(name.length + 1);
  }
  return value;
}

module.exports = { flagValue };
