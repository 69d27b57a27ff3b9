'use strict';

const ABORTS = { evict: 'evicted', set: 'replaced', delete: 'deleted', expire: 'expired', fetch: 'deleted' };

/**
 * What the callbacks have yet to hear of. They run when the structure is whole again, so they may change
 * the cache; what they throw reaches the caller after the last one.
 */
class Removals {
  /** @type {{ value: unknown, key: unknown, reason: string, pending: import('./pending.js').Pending | null }[]} */
  #gone = [];
  /** Whether anybody hears of what goes. */
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

  /** Tells of all that went, and of what was `inserted` ('add', 'replace' or 'update') if anything was. */
  tell(inserted = undefined, value = undefined, key = undefined) {
    if (this.#gone.length > 0 || (inserted !== undefined && this.#onInsert !== undefined))
      this.#tellAll(inserted, value, key);
  }

  #tellAll(inserted, value, key) {
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
