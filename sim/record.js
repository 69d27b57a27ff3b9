'use strict';
// The record of all runs: programs and steps of each part, minutes, seeds. A run adds to what former runs left.

const fs = require('node:fs');

/** Seeds that the record keeps, the newest. */
const MOST_RUNS = 500;

class Record {
  #file;
  #counts = {};

  /** @param {string} [file]  without one, nothing is kept */
  constructor(file) {
    this.#file = file;
  }

  add(part, { steps, programs }) {
    const count = (this.#counts[part] ??= { programs: 0, steps: 0 });
    count.programs += programs;
    count.steps += steps;
  }

  /** Adds this run to the file. */
  close(seed, minutes, failure) {
    if (this.#file === undefined) return;
    const all = fs.existsSync(this.#file)
      ? JSON.parse(fs.readFileSync(this.#file, 'utf8'))
      : { minutes: 0, parts: {}, runs: [] };
    all.minutes += minutes;
    for (const [part, { programs, steps }] of Object.entries(this.#counts)) {
      const count = (all.parts[part] ??= { programs: 0, steps: 0 });
      count.programs += programs;
      count.steps += steps;
    }
    all.runs = [...all.runs, { seed, minutes, failed: failure?.part ?? null }].slice(-MOST_RUNS);
    fs.writeFileSync(`${this.#file}.partial`, `${JSON.stringify(all, null, 2)}\n`);
    fs.renameSync(`${this.#file}.partial`, this.#file);
  }

  describe() {
    return Object.entries(this.#counts)
      .map(([part, { programs, steps }]) => `  ${part}: ${programs} programs, ${steps} steps\n`)
      .join('');
  }
}

module.exports = { Record };
