'use strict';
// The program that this process runs.

/** In PM2's cluster mode a process is started with this file, which loads the application's. */
const PM2_CONTAINER = /[\\/]pm2[\\/]lib[\\/]ProcessContainer\.js$/;

/**
 * The file that the process was started with; in PM2's cluster mode the application's.
 * @param {{ argv: string[], env: NodeJS.ProcessEnv }} [of]
 * @returns {string | undefined} undefined where there is none (`node -e`)
 */
function mainScript({ argv: [, script], env } = process) {
  if (script === undefined || !PM2_CONTAINER.test(script)) return script;
  try {
    // PM2's container sets the variables that the JSON lists, and removes it.
    const { pm_exec_path: file } = env.pm2_env === undefined ? env : JSON.parse(env.pm2_env);
    return typeof file === 'string' ? file : script;
  } catch {
    return script;
  }
}

module.exports = { mainScript };
