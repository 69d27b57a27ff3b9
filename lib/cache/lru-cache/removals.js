'use strict';

const { metrics } = require('./channels.js');

const ABORTS = { evict: 'evicted', set: 'replaced', delete: 'deleted', expire: 'expired', fetch: 'deleted' };

/**
 * What the callbacks have yet to hear of. They run when the structure is whole again, so they may change
 * the cache; what they throw reaches the caller after the last one.
 */
class Removals {
  /** @type {{ value: unknown, key: unknown, reason: string, pending: import('./pending.js').Pending | null }[]} */
  #gone = [];
  /** What `lru-cache:metrics` is sent of the entries that were removed. @type {object[]} */
  #messages = [];
  /** Whether a callback is called for what is removed. */
  heard;
  #dispose;
  #disposeAfter;
  #onInsert;

  constructor({ dispose, disposeAfter, onInsert }) {
    this.heard = dispose !== undefined || disposeAfter !== undefined;
    this.#dispose = dispose;
    this.#disposeAfter = disposeAfter;
    this.#onInsert = onInsert;
  }

  /** `value` undefined: nothing to dispose of, only the fetch `pending` to abort. */
  note(value, key, reason, pending) {
    this.#gone.push({ value, key, reason, pending });
  }

  /** Notes a message for subscribers. Those of lru-cache are not sent one of an eviction. */
  message(key, reason, cache) {
    this.#messages.push({ op: 'delete', delete: reason, key, cache });
  }

  /** Reports all that went, and what was `inserted` ('add', 'replace' or 'update') if anything was. */
  report(inserted = undefined, value = undefined, key = undefined) {
    if (this.#messages.length > 0) this.#publish();
    if (this.#gone.length > 0 || (inserted !== undefined && this.#onInsert !== undefined))
      this.#reportAll(inserted, value, key);
  }

  #publish() {
    const messages = this.#messages;
    this.#messages = [];
    for (const each of messages) metrics.publish(each);
  }

  #reportAll(inserted, value, key) {
    const gone = this.#gone;
    this.#gone = [];
    const errors = [];
    for (const entry of gone) {
      entry.pending?.abort(new Error(ABORTS[entry.reason]));
      if (entry.value !== undefined) attempt(this.#dispose, entry, errors);
    }
    if (inserted !== undefined) attempt(this.#onInsert, { value, key, reason: inserted }, errors);
    for (const entry of gone) if (entry.value !== undefined) attempt(this.#disposeAfter, entry, errors);
    if (errors.length > 0) throw errors[0];
  }
}

function attempt(callback, { value, key, reason }, errors) {
  if (callback === undefined) return;
  try {
    callback(value, key, reason);
  } catch (error) {
    errors.push(error);
  }
}

module.exports = { Removals };
