'use strict';
// The state of a watch as stats(), reports and `plimsoll run` read it: the sampler's figures, and what JavaScript adds
// to them.

const evidence = () => require('./evidence.js');

class PublishedState {
  #context;
  #extra;

  /**
   * @param {import('./snapshot-queue.js').Context} context
   * @param {() => object} extra  what the parts of the watch add
   */
  constructor(context, extra) {
    this.#context = context;
    this.#extra = extra;
  }

  /** The whole state. */
  read() {
    this.#update();
    return JSON.parse(this.#context.native.state());
  }

  /**
   * Updates what JavaScript adds, if another process reads the state. The native thread writes it to the file each
   * interval.
   */
  publish() {
    if (this.#context.isStateRead) this.#update();
  }

  #update() {
    const { shown, uptimeAtWatch, options, dir, native } = this.#context;
    try {
      const identity = evidence().identity(shown);
      native.setExtra(
        JSON.stringify({ ...identity, uptimeAtWatch, limit: options.limit ?? null, dir, ...this.#extra() }),
      );
    } catch (error) {
      this.#context.fail(error);
    }
  }
}

module.exports = { PublishedState };
