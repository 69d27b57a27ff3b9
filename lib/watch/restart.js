'use strict';
// A restart in good order, before the kernel or the orchestrator does it in a worse one: evidence, then
// no new connections, the requests under way to their end, the application's own close(), exit.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');
const { Condition } = require('./health.js');
const { Turn } = require('./turn.js');

/** Who routes to it probes /readyz every few seconds, and sends on until then. */
const DRAIN_MS = 3000;
/** Kubernetes kills 30 s after SIGTERM, PM2 1.6 s after SIGINT unless kill_timeout says otherwise. */
const GRACE_MS = 25_000;
const SIGNAL_GRACE_MS = { SIGTERM: GRACE_MS, SIGINT: 1400 };
/** Of the time that there is, so much may go into evidence. */
const EVIDENCE_SHARE = 0.4;
const IDLE_MS = 50;
/** How often a process looks whether the restart of another is over, and how long it leaves its successor to start. */
const TURN_MS = 250;
const SUCCESSOR_MS = 2000;
const DAY_MS = 86_400_000;

function check(options) {
  const { server, close, graceMs = GRACE_MS, drainMs = DRAIN_MS, evidence = true, exitCode = 1, exit = process.exit } = options;
  const servers = server === undefined ? [] : [server].flat();
  const refuse = (name, expected, value) => new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `options.${name} must be ${expected}; it is ${quote(value)}.`);
  for (const each of servers) if (typeof each?.close !== 'function') throw refuse('server', 'a server of http, https or net, or an array of them', each);
  if (close !== undefined && typeof close !== 'function') throw refuse('close', 'a function', close);
  if (typeof evidence !== 'boolean') throw refuse('evidence', 'true or false', evidence);
  if (typeof exit !== 'function') throw refuse('exit', 'a function', exit);
  for (const [name, value] of Object.entries({ graceMs, drainMs })) {
    if (typeof value !== 'number' || Number.isNaN(value)) throw refuse(name, 'a number of ms', value);
    if (value < 0 || value > DAY_MS) throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `options.${name} must be from 0 to ${DAY_MS}; it is ${value}.`);
  }
  if (!Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255) throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `options.exitCode must be a whole number from 0 to 255; it is ${quote(exitCode)}.`);
  return { servers, close, graceMs, drainMs, evidence, exitCode, exit };
}

class Restart {
  #watcher;
  #condition;
  #options;
  #deadline = Infinity;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #begun = false;
  /** For another process' restart to end. */
  #waits = false;
  #ended = false;

  constructor(watcher, condition, options) {
    this.#watcher = watcher;
    this.#condition = condition;
    this.#options = options;
  }

  /** Begins when no process that does the same work is on its way out, or has been for as long as it may. */
  begin() {
    if (this.#begun || this.#waits) return;
    const turn = new Turn();
    if (turn.take()) {
      this.#drain();
      return;
    }
    this.#waits = true;
    const latest = performance.now() + this.#options.graceMs;
    const timer = setInterval(() => {
      const isOver = !this.#condition.critical;
      if (!isOver && performance.now() < latest && !turn.take()) return;
      clearInterval(timer);
      if (isOver) this.#waits = false;
      else setTimeout(() => this.#drain(), Math.max(0, Math.min(SUCCESSOR_MS, latest - performance.now())));
    }, TURN_MS);
    timer.unref();
  }

  #drain() {
    this.#begun = true;
    this.#condition.draining = true;
    this.#endWithin(this.#options.graceMs);
    // From here on a signal shortens what is under way; its default would cut it off.
    for (const [signal, grace] of Object.entries(SIGNAL_GRACE_MS)) process.on(signal, () => this.#endWithin(grace));
    const end = () => this.#end();
    this.#run().then(end, end);
  }

  /** Over by then, whatever hangs. A later limit does not lengthen an earlier one. */
  #endWithin(ms) {
    const deadline = performance.now() + ms;
    if (deadline >= this.#deadline) return;
    clearTimeout(this.#timer);
    this.#deadline = deadline;
    this.#timer = setTimeout(() => this.#end(), ms);
  }

  async #run() {
    const { servers, close, evidence, graceMs, drainMs } = this.#options;
    const noticed = drainMs > 0 && servers.length > 0 ? sleep(Math.min(drainMs, graceMs / 2)) : undefined;
    // Where it is refused, for want of room mostly, the report still has what is tracked.
    if (evidence) await Promise.race([this.#watcher.snapshot({ reason: 'critical' }).catch(() => {}), sleep(graceMs * EVIDENCE_SHARE)]);
    await noticed;
    await Promise.all(servers.map(drained));
    await close?.();
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#options.exit(this.#options.exitCode);
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** No new connections; those that wait for a next request are closed, those in use when they are done. */
function drained(server) {
  return new Promise((resolve) => {
    const idle = setInterval(() => server.closeIdleConnections?.(), IDLE_MS);
    server.close(() => {
      clearInterval(idle);
      resolve(undefined);
    });
  });
}

/**
 * Restarts the process in good order when the watcher has said for some seconds that it is close to its limit.
 * It ends the process; to start it again is the work of who started it (Kubernetes, PM2, systemd, cluster).
 * @param {{health(): any, snapshot(options: object): Promise<any>}} watcher what watch() returned
 * @param {object} [options]
 * @param {object | object[]} [options.server] servers to close
 * @param {() => any} [options.close] called when their last request is answered; may return a promise
 * @param {number} [options.drainMs] how long it goes on answering after /readyz began to fail: 3,000, at most half of graceMs
 * @param {number} [options.graceMs] the process has ended by then, whatever hangs: 25,000
 * @param {boolean} [options.evidence] whether to take a snapshot first: true
 * @param {number} [options.exitCode] 1
 * @param {(code: number) => void} [options.exit] process.exit
 * @returns {() => void} calls it off, where it has not begun
 */
function onCritical(watcher, options = {}) {
  const condition = Condition.of(watcher);
  const restart = new Restart(watcher, condition, check(options));
  return condition.onCritical(() => restart.begin());
}

module.exports = { onCritical };
