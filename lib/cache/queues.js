'use strict';

const { widen } = require('./columns.js');

const NONE = -1;

/** FIFO queues of slots, linked through one column: a slot is in one queue at most. */
class Queues {
  #next = new Int32Array(0);
  #heads;
  #tails;
  #counts;

  /** @param {number} queues how many */
  constructor(queues) {
    this.#heads = new Int32Array(queues).fill(NONE);
    this.#tails = new Int32Array(queues).fill(NONE);
    this.#counts = new Int32Array(queues);
  }

  grow(slots) {
    this.#next = widen(this.#next, slots);
  }

  clear() {
    this.#heads.fill(NONE);
    this.#tails.fill(NONE);
    this.#counts.fill(0);
  }

  /** How many slots a queue has. */
  count(queue) {
    return this.#counts[queue];
  }

  /** The first slot of a queue that is not empty. */
  first(queue) {
    return this.#heads[queue];
  }

  push(queue, slot) {
    const tail = this.#tails[queue];
    this.#next[slot] = NONE;
    if (tail === NONE) this.#heads[queue] = slot;
    else this.#next[tail] = slot;
    this.#tails[queue] = slot;
    this.#counts[queue]++;
  }

  unshift(queue, slot) {
    const head = this.#heads[queue];
    this.#next[slot] = head;
    if (head === NONE) this.#tails[queue] = slot;
    this.#heads[queue] = slot;
    this.#counts[queue]++;
  }

  /** Removes and returns the first slot of a queue that is not empty. */
  shift(queue) {
    const slot = this.#heads[queue];
    this.#heads[queue] = this.#next[slot];
    if (--this.#counts[queue] === 0) this.#tails[queue] = NONE;
    return slot;
  }

  /** Moves the slots of a queue to the end of another. */
  append(queue, from) {
    if (this.#counts[from] === 0) return;
    if (this.#counts[queue] === 0) this.#heads[queue] = this.#heads[from];
    else this.#next[this.#tails[queue]] = this.#heads[from];
    this.#tails[queue] = this.#tails[from];
    this.#counts[queue] += this.#counts[from];
    this.#heads[from] = this.#tails[from] = NONE;
    this.#counts[from] = 0;
  }

  /** The slots of a queue in order. */
  *slots(queue) {
    for (let slot = this.#heads[queue]; slot !== NONE; slot = this.#next[slot]) yield slot;
  }
}

module.exports = { Queues };
