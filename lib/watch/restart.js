'use strict';
// A restart in good order, before the kernel or the orchestrator does it in a worse one: evidence, then
// no new connections, the requests under way to their end, the application's own close(), exit.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');
const { GIVEN_DIR } = require('../directories.js');
const { Condition } = require('./health.js');
const { Turn, SUCCESSOR_MS, SLACK_MS } = require('./turn.js');

/** Who routes to it probes /readyz every few seconds, and sends on until then. */
const DRAIN_MS = 3000;
/** Kubernetes kills 30 s after SIGTERM, PM2 1.6 s after SIGINT unless kill_timeout says otherwise. */
const GRACE_MS = 25_000;
const SIGNAL_GRACE_MS = { SIGTERM: GRACE_MS, SIGINT: 1400 };
/** Of the time that there is, so much may go into evidence. */
const EVIDENCE_SHARE = 0.4;
const IDLE_MS = 50;
/** How often a process looks whether it is its turn. */
const TURN_MS = 250;
/** Processes that restart one after the other. It waits for no longer than these could take. */
const PROCESSES = 16;
const DAY_MS = 86_400_000;

function check(options) {
  const {
    server,
    close,
    graceMs = GRACE_MS,
    drainMs = DRAIN_MS,
    evidence = true,
    exitCode = 1,
    exit = process.exit,
  } = options;
  const servers = server === undefined ? [] : [server].flat();
  const refuse = (name, expected, value) =>
    new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `options.${name} must be ${expected}; it is ${quote(value)}.`);
  for (const each of servers)
    if (typeof each?.close !== 'function')
      throw refuse('server', 'a server of http, https or net, or an array of them', each);
  if (close !== undefined && typeof close !== 'function') throw refuse('close', 'a function', close);
  if (typeof evidence !== 'boolean') throw refuse('evidence', 'true or false', evidence);
  if (typeof exit !== 'function') throw refuse('exit', 'a function', exit);
  for (const [name, value] of Object.entries({ graceMs, drainMs })) {
    if (typeof value !== 'number' || Number.isNaN(value)) throw refuse(name, 'a number of ms', value);
    if (value < 0 || value > DAY_MS)
      throw new PlimsollRangeError(
        'ERR_PLIMSOLL_OPTION',
        `options.${name} must be from 0 to ${DAY_MS}; it is ${value}.`,
      );
  }
  if (!Number.isInteger(exitCode) || exitCode < 0 || exitCode > 255)
    throw new PlimsollRangeError(
      'ERR_PLIMSOLL_OPTION',
      `options.exitCode must be a whole number from 0 to 255; it is ${quote(exitCode)}.`,
    );
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
  /** Looks whether it is its turn. @type {NodeJS.Timeout | undefined} */
  #waiting;
  #turn;
  #ended = false;

  /** @param {any} watcher @param {Condition} condition @param {ReturnType<typeof check>} options @param {{take(graceMs: number): boolean}} [turn] */
  constructor(watcher, condition, options, turn) {
    this.#watcher = watcher;
    this.#condition = condition;
    this.#options = options;
    this.#turn = turn;
  }

  /** Begins when it is its turn. Until then the process serves, as long as it is below its limit. */
  begin() {
    if (this.#begun || this.#waiting !== undefined) return;
    const { graceMs } = this.#options;
    this.#turn ??= new Turn({ dir: this.#watcher[GIVEN_DIR] });
    if (this.#turn.take(graceMs)) {
      this.#drain();
      return;
    }
    const most = Math.ceil((PROCESSES * (graceMs + SLACK_MS + SUCCESSOR_MS)) / TURN_MS);
    let looks = 0;
    this.#condition.waiting = true;
    this.#waiting = setInterval(() => {
      if (!this.#condition.critical) this.callOff();
      else if (++looks >= most || this.#turn.take(graceMs)) this.#drain();
    }, TURN_MS);
    this.#waiting.unref();
  }

  /** What has not begun does not begin. */
  callOff() {
    clearInterval(this.#waiting);
    this.#waiting = undefined;
    this.#condition.waiting = false;
  }

  #drain() {
    if (this.#begun) return;
    this.callOff();
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
    // If the snapshot is refused, mostly because there is no room, the report still has the trackers' figures.
    if (evidence)
      await Promise.race([
        this.#watcher.snapshot({ reason: 'critical' }).catch(() => {}),
        sleep(graceMs * EVIDENCE_SHARE),
      ]);
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
 * @param {number} [options.drainMs] how long it goes on answering after /readyz began to fail: 3,000, at most half of
 * graceMs
 * @param {number} [options.graceMs] the process has ended by then, whatever hangs: 25,000
 * @param {boolean} [options.evidence] whether to take a snapshot first: true
 * @param {number} [options.exitCode] 1
 * @param {(code: number) => void} [options.exit] process.exit
 * @returns {() => void} calls it off, also while it waits for its turn; not once it has begun
 */
function onCritical(watcher, options = {}) {
  const condition = Condition.of(watcher);
  const restart = new Restart(watcher, condition, check(options));
  const unlisten = condition.onCritical(() => restart.begin());
  return () => {
    unlisten();
    restart.callOff();
  };
}

module.exports = { onCritical, Restart, check };
