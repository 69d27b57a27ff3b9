'use strict';
// The suspects of a process's reports as metrics show them. The number of signatures over the life of the process is
// bounded, because each is a label value that a metrics system keeps.

const MOST_SIGNATURES = 20;
const LONGEST_NAME = 80;

class ReportedSuspects {
  /** @type {Set<string>} all signatures that this process has had */
  #signatures = new Set();
  #latest = [];

  /** @param {any[]} suspects of the latest report, the most probable first */
  reported(suspects) {
    this.#latest = suspects.filter(({ signature }) => signature !== undefined && this.#takes(signature)).map(shown);
  }

  #takes(signature) {
    if (this.#signatures.size < MOST_SIGNATURES) this.#signatures.add(signature);
    return this.#signatures.has(signature);
  }

  get latest() {
    return this.#latest.map((suspect) => ({ ...suspect }));
  }
}

const shown = ({ signature, cause, name, file = null, line = null, bytesPerMinute = null }) => ({
  signature,
  cause,
  name: name.slice(0, LONGEST_NAME).toWellFormed(),
  file,
  line,
  bytesPerMinute,
});

module.exports = { ReportedSuspects, MOST_SIGNATURES };
