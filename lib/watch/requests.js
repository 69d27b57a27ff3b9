'use strict';
// Counts requests of the process' own HTTP servers, through Node's diagnostics channel: nothing is
// patched, and nothing is paid while nobody watches.
//
// A subscriber costs a busy server a few thousandths of its time, for Node makes a message for each request.
// So of many intervals one is counted, and the others are taken to be like it; where few requests come, all are.

const channel = require('node:diagnostics_channel');

const REQUEST_START = 'http.server.request.start';

/** With fewer an interval every interval is counted. */
const FEW = 100;
/** One interval in so many is counted at the least. */
const MOST_APART = 8;
/** The trend compares loads of a twelfth of the window each: so many counts are in it. */
const COUNTS = 12 * 4;

class RequestCounter {
  #apart;
  #total = 0;
  /** Requests of the interval that is being counted, or of the last that was. */
  #count = 0;
  /** Intervals to go until one is counted again; 0: this one is. */
  #unheard = 0;
  #onRequest = () => {
    this.#count++;
  };

  /** @param {{ window: number, interval: number }} options ms */
  constructor({ window, interval }) {
    this.#apart = Math.min(MOST_APART, Math.max(1, Math.floor(window / COUNTS / interval)));
    channel.subscribe(REQUEST_START, this.#onRequest);
  }

  /** Once an interval, at its end: about how many requests there have been so far. */
  tick() {
    this.#total += this.#count;
    if (this.#unheard > 0) {
      if (--this.#unheard === 0) this.#listen();
    } else if (this.#count < FEW || this.#apart === 1) {
      this.#count = 0;
    } else {
      this.stop();
      this.#unheard = this.#apart - 1;
    }
    return this.#total;
  }

  #listen() {
    this.#count = 0;
    channel.subscribe(REQUEST_START, this.#onRequest);
  }

  stop() {
    channel.unsubscribe(REQUEST_START, this.#onRequest);
  }
}

module.exports = { RequestCounter };
