'use strict';
// What the tests of PM2 share.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');

const execute = promisify(execFile);

/** A PM2 of our own, with its own home and daemon, that goes when the test does. */
function startPm2(t) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-pm2-'));
  const env = { ...process.env, PM2_HOME: home, PM2_DISCRETE_MODE: 'true' };
  const pm2 = async (...args) => (await execute(process.execPath, [path.join(__dirname, 'node_modules/pm2/bin/pm2'), ...args], { env })).stdout;
  let api;
  /** PM2's own module, connected to that daemon. */
  const connect = async () => {
    process.env.PM2_HOME = home; // read when it is loaded
    api = require('pm2');
    await promisify(api.connect.bind(api))();
    return api;
  };
  t.after(async () => {
    // Before the daemon goes: PM2 tries for ever to reconnect to one that is gone, and that keeps the process alive.
    // (It says that the bus is closed already, as pm2Stats() has done.)
    try {
      if (api !== undefined) await new Promise((resolve) => api.disconnect(resolve));
    } finally {
      await pm2('kill');
      fs.rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    }
  });
  return { pm2, connect, home, log: path.join(home, 'events.log'), portFile: path.join(home, 'port') };
}

async function until(what, condition) {
  for (let tries = 0; tries < 600; tries++) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come to be`);
}

module.exports = { startPm2, until };
