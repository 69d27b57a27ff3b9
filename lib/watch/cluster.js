'use strict';
// What the workers of a cluster say of themselves, gathered where they were started. A request is a message
// { type, topic, data: { request } } and its answer { type, data: { request, ... } }: those are also the shapes in
// which PM2 carries messages to a process and from it, so that the workers of its cluster mode answer just so
// (lib/adapters/pm2.js).

const { isMainThread } = require('node:worker_threads');
const { PlimsollError, PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');
const { setTimeout, clearTimeout } = require('../timers.js');

const TYPE = 'plimsoll:stats';
const TIMEOUT_MS = 2000;
const DAY_MS = 86_400_000;

/**
 * Answers the primary for as long as the watch lasts, in a worker of node:cluster.
 * @param {{stats(): any}} watcher
 * @returns {(() => void) | undefined} ends it
 */
function answerPrimary(watcher) {
  // A listener would keep any other forked child alive; a cluster's worker is kept alive by its channel anyway.
  if (!isMainThread || process.send === undefined || !require('node:cluster').isWorker) return undefined;
  const onMessage = (message) => {
    if (message?.type !== TYPE || message.data?.request === undefined) return;
    const { request } = message.data;
    let answer;
    try {
      answer = { request, stats: watcher.stats() };
    } catch ({ code, message: text }) {
      answer = { request, error: { code, message: text } };
    }
    // The primary may have exited; a failed send is ignored.
    process.send({ type: TYPE, data: answer }, () => {});
  };
  process.on('message', onMessage);
  return () => process.off('message', onMessage);
}

/** @param {number} [timeout] */
function checkTimeout(timeout = TIMEOUT_MS) {
  if (typeof timeout !== 'number' || Number.isNaN(timeout))
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.timeout must be a number of ms; it is ${quote(timeout)}.`,
    );
  if (timeout <= 0 || timeout > DAY_MS)
    throw new PlimsollRangeError(
      'ERR_PLIMSOLL_OPTION',
      `options.timeout must be above 0 and at most ${DAY_MS}; it is ${timeout}.`,
    );
  return timeout;
}

/**
 * Asks one worker, and resolves in any case.
 * @param {{id: number, pid: number}} worker
 * @param {number} timeout ms
 * @param {(on: {data: (data: any) => void, fail: (reason: string) => void}) => {send: (message: object) => void, close: () => void}} open
 *   a way to the worker
 * @returns {Promise<{id: number, pid: number, stats: any, error: {code: string, message: string} | null}>}
 */
function ask({ id, pid }, timeout, open) {
  return new Promise((resolve) => {
    const request = require('node:crypto').randomUUID();
    const end = (stats, error) => {
      clearTimeout(timer);
      channel.close();
      resolve({ id, pid, stats, error });
    };
    const fail = (reason) =>
      end(null, { code: 'ERR_PLIMSOLL_WORKER', message: `worker ${id} (pid ${pid}) cannot be asked: ${reason}.` });
    const data = (answer) => {
      if (answer?.request === request) end(answer.stats ?? null, answer.error ?? null);
    };
    const channel = open({ data, fail });
    const timer = setTimeout(
      () =>
        end(null, {
          code: 'ERR_PLIMSOLL_TIMEOUT',
          message: `worker ${id} (pid ${pid}) did not answer within ${timeout} ms: its event loop is stuck, or watch() was not called there.`,
        }),
      timeout,
    );
    try {
      channel.send({ type: TYPE, topic: TYPE, data: { request } });
    } catch (error) {
      fail(error.message);
    }
  });
}

/**
 * What `stats()` says in each worker of this node:cluster primary, in the order of their ids.
 * @param {{timeout?: number}} [options]
 */
async function clusterStats({ timeout } = {}) {
  const cluster = require('node:cluster');
  if (!cluster.isPrimary)
    throw new PlimsollError(
      'ERR_PLIMSOLL_NOT_PRIMARY',
      'clusterStats() asks the workers of a primary, and this process is a worker; call it in the primary.',
    );
  const ms = checkTimeout(timeout);
  return Promise.all(
    Object.values(cluster.workers).map((worker) =>
      ask({ id: worker.id, pid: worker.process.pid }, ms, (on) => openWorker(worker, on)),
    ),
  );
}

/** @param {import('node:cluster').Worker} worker */
function openWorker(worker, { data, fail }) {
  const onMessage = (message) => message?.type === TYPE && data(message.data);
  const onExit = () => fail('it has ended');
  worker.on('message', onMessage);
  worker.on('exit', onExit);
  return {
    send: (message) => worker.send(message, (error) => error !== null && fail(error.message)),
    close: () => {
      worker.off('message', onMessage);
      worker.off('exit', onExit);
    },
  };
}

module.exports = { answerPrimary, clusterStats, ask, checkTimeout, TYPE };
