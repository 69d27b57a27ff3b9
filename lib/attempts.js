'use strict';
// When to try again what failed for a reason that passes: no descriptor left, a directory in use.

const { PlimsollError } = require('./errors.js');

/** Node's and ours for "no descriptor is left" in the process or in the system. */
const DESCRIPTORS = new Set(['EMFILE', 'ENFILE', 'ERR_PLIMSOLL_DESCRIPTORS']);
const LONGEST = 32;

/** Whether an error, or its cause, says that no descriptor is left. @param {any} error */
function wantsDescriptor(error) {
  for (let each = error; each !== null && typeof each === 'object'; each = each.cause)
    if (DESCRIPTORS.has(each.code)) return true;
  return false;
}

/**
 * An error as a listener receives it: Node's own for a missing descriptor gets our code and says what to do. @param
 * {any} error
 */
function reported(error) {
  if (error.code !== 'EMFILE' && error.code !== 'ENFILE') return error;
  return new PlimsollError(
    'ERR_PLIMSOLL_DESCRIPTORS',
    `no descriptor is left (${error.message}); ${adviceFor(error)}`,
    { cause: error },
  );
}

/** What to do about a file that could not be written to `dir`. @param {any} cause */
const adviceFor = (cause) =>
  wantsDescriptor(cause)
    ? 'close files and sockets, or raise the limit (ulimit -n)'
    : 'set dir (PLIMSOLL_DIR) to a writable directory';

/** Counts ticks from one attempt to the next: 1, 2, 4 and so on up to 32. */
class Backoff {
  #next = 1;
  #left = 0;

  /** Once a tick: whether an attempt is due. */
  due() {
    if (this.#left > 0) this.#left--;
    return this.#left === 0;
  }

  /** An attempt failed. */
  failed() {
    this.#left = this.#next;
    this.#next = Math.min(this.#next * 2, LONGEST);
  }

  /** Whether any attempt failed since the last reset. */
  get begun() {
    return this.#next > 1;
  }

  reset() {
    this.#next = 1;
    this.#left = 0;
  }
}

/** Repeats steps that fail while no descriptor is left, until they succeed or the watch ends. */
class Retries {
  #context;
  /** @type {Array<{ backoff: Backoff, run: () => void }>} */
  #waiting = [];

  /** @param {{ isStopped: () => boolean, fail: (error: any) => void }} context */
  constructor(context) {
    this.#context = context;
  }

  /** Once a tick: repeats the steps that are due. */
  tick() {
    const due = this.#waiting.filter(({ backoff }) => backoff.due());
    this.#waiting = this.#waiting.filter((each) => !due.includes(each));
    for (const { run } of due) run();
  }

  /**
   * Runs a step, and repeats it at later ticks while it fails because no descriptor is left. Reports the first failure.
   * @param {() => Promise<void>} step @param {Backoff} [backoff]
   * @returns {Promise<void>} the first attempt; it rejects for another failure
   */
  async untilDone(step, backoff = new Backoff()) {
    try {
      await step();
    } catch (error) {
      if (!wantsDescriptor(error)) throw error;
      if (this.#context.isStopped()) return;
      if (!backoff.begun) this.#context.fail(error);
      backoff.failed();
      this.#waiting.push({
        backoff,
        run: () => void this.untilDone(step, backoff).catch((failure) => this.#context.fail(failure)),
      });
    }
  }
}

module.exports = { wantsDescriptor, adviceFor, reported, Backoff, Retries };
