'use strict';
// plimsoll/pm2: the primary of PM2's cluster mode is PM2's daemon, where no code of the service runs. Its processes are
// asked through the daemon's bus. The connection is the user's, and so is the pm2 (6): nothing of it is loaded here.

const { promisify } = require('node:util');
const { PlimsollTypeError, quote } = require('../errors.js');
const { ask, checkTimeout, TYPE } = require('../watch/cluster.js');

/**
 * What `stats()` says in each process of PM2's cluster mode, in the order of their ids.
 * @param {object} options
 * @param {any} options.pm2 require('pm2'), connected
 * @param {string} [options.name] of the application; all by default
 * @param {number} [options.timeout] ms
 */
async function pm2Stats({ pm2, name, timeout } = {}) {
  if (typeof pm2?.launchBus !== 'function' || typeof pm2.sendDataToProcessId !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.pm2 must be the connected module pm2 (require('pm2')), not ${quote(pm2)}.`,
    );
  }
  if (name !== undefined && typeof name !== 'string')
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.name must be the name of a PM2 application, not ${quote(name)}.`,
    );
  const ms = checkTimeout(timeout);
  const listed = await promisify(pm2.list.bind(pm2))();
  const bus = await promisify(pm2.launchBus.bind(pm2))();
  /** One listener for all: the bus' `off` takes away every listener of the event. */
  const listeners = new Set();
  bus.on(TYPE, (packet) => listeners.forEach((listener) => listener(packet?.data)));
  try {
    const workers = listed.filter(
      (one) =>
        one.pm2_env.exec_mode === 'cluster_mode' &&
        one.pm2_env.status === 'online' &&
        (name === undefined || one.name === name),
    );
    return await Promise.all(
      workers.map(({ pm_id: id, pid }) => ask({ id, pid }, ms, (on) => openProcess(pm2, listeners, id, on))),
    );
  } finally {
    bus.close?.();
  }
}

function openProcess(pm2, listeners, id, { data, fail }) {
  listeners.add(data);
  return {
    send: (message) =>
      pm2.sendDataToProcessId({ id, ...message }, (error) => error && fail(error.message ?? String(error))),
    close: () => listeners.delete(data),
  };
}

module.exports = { pm2Stats };
