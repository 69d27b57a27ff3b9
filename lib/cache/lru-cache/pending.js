'use strict';

/**
 * A fetch under way: it stands in the place of its entry's value until it is settled.
 *
 * `options` are shown to the fetchMethod, which may change them: they are read when they are needed.
 */
class Pending {
  key;
  /** The value that stood there before, which the cache still shows. */
  stale;
  options;
  promise;
  /** Its callers have their answer: no longer of interest to an abort. */
  #settled = false;
  #resolve;
  #cache;
  #controller = new AbortController();

  /**
   * @param {unknown} key
   * @param {unknown} stale
   * @param {any} options
   * @param {import('./fetches.js').Fetches} cache
   */
  constructor(key, stale, options, cache) {
    this.key = key;
    this.stale = stale;
    this.options = options;
    this.#cache = cache;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    // Those who hold the promise hear of a failure; this keeps it from being an unhandled one for the others.
    this.promise.catch(() => {});
  }

  start(fetchMethod, context) {
    const { options, stale, key } = this;
    const own = this.#controller.signal;
    const { signal, status } = options;
    if (signal?.aborted) this.#controller.abort(signal.reason);
    const follow = () => this.#controller.abort(signal.reason);
    signal?.addEventListener('abort', follow, { once: true });
    if (status) status.fetchDispatched = true;
    // As within a promise's executor: what fetchMethod throws at once is a rejection too.
    const fetched = new Promise((done) => {
      done(fetchMethod(key, stale, { signal: own, options, context }));
    });
    const aborted = () => {
      if (options.ignoreFetchAbort && !options.allowStaleOnFetchAbort) return;
      if (options.ignoreFetchAbort)
        fetched
          .then(
            (value) => this.#late(value),
            () => this.#cache.fail(this, true),
          )
          .catch(() => {});
      this.#resolve(this.#aborted());
    };
    if (own.aborted) aborted();
    else own.addEventListener('abort', aborted, { once: true });
    fetched.then(
      (value) => this.#resolve(this.#resolved(value)),
      (error) => this.#resolve(this.#rejected(error)),
    );
    // A signal that outlives the fetch is not to hold it.
    const release = () => signal?.removeEventListener('abort', follow);
    fetched.then(release, release);
  }

  abort(reason) {
    if (!this.#settled) this.#controller.abort(reason);
  }

  async #resolved(value) {
    if (this.#settled) return undefined;
    const { signal } = this.#controller;
    const { status } = this.options;
    if (signal.aborted) {
      // Only where ignoreFetchAbort is set: else the abort has settled this already.
      if (status) Object.assign(status, { fetchAborted: true, fetchError: signal.reason });
      if (value === undefined) return this.#failed(signal.reason);
      if (status) status.fetchAbortIgnored = true;
    } else if (status) {
      status.fetchResolved = true;
    }
    this.#settled = true;
    if (value === undefined) this.#cache.fail(this, true);
    else this.#cache.succeed(this, value, false);
    return value;
  }

  async #rejected(error) {
    if (this.#settled) return undefined;
    const { status } = this.options;
    if (status) Object.assign(status, { fetchRejected: true, fetchError: error });
    return this.#failed(error);
  }

  async #aborted() {
    const { reason } = this.#controller.signal;
    const { status } = this.options;
    if (status) Object.assign(status, { fetchAborted: true, fetchError: reason });
    return this.#failed(reason);
  }

  /** The value of a fetch that went on after its callers had their answer. */
  #late(value) {
    const { status } = this.options;
    if (status) status.fetchResolved = true;
    if (value === undefined) this.#cache.fail(this, true);
    else this.#cache.succeed(this, value, true);
  }

  #failed(error) {
    this.#settled = true;
    const { options, stale } = this;
    const onAbort = this.#controller.signal.aborted && options.allowStaleOnFetchAbort;
    const allowed = onAbort || options.allowStaleOnFetchRejection;
    // One that goes on in the background stays where it is.
    if (!(onAbort && options.ignoreFetchAbort))
      this.#cache.fail(this, Boolean(allowed || options.noDeleteOnFetchRejection));
    if (!allowed) throw error;
    if (options.status && stale !== undefined) options.status.returnedStale = true;
    return stale;
  }
}

module.exports = { Pending };
