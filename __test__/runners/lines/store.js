'use strict';
// Leaks, for the lines in messages.

const names = new Map();

class Sessions {
  #open = new Set();

  open(i) {
    this.#open.add({ i });
  }
}

const sessions = new Sessions();

module.exports = { remember: (i) => void names.set(i, { i }), open: (i) => sessions.open(i) };
