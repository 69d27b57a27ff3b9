'use strict';
// Reads all sources, one report at a time, into a fleet. What cannot be used is one line, and the rest still counts.

const { Fleet } = require('./fleet.js');
const { readReport } = require('./read-report.js');
const { localSource } = require('./sources.js');
const { count, duration } = require('../report/units.js');
const { printable } = require('../report/words.js');

/** Lines that are kept; more are counted. */
const MOST_LINES = 100;

class Lines {
  #kept = [];
  #more = 0;

  add(line) {
    if (this.#kept.length < MOST_LINES) this.#kept.push(printable(line));
    else this.#more++;
  }

  get all() {
    return this.#more === 0 ? this.#kept : [...this.#kept, `${count(this.#more)} more lines like these`];
  }
}

/** @param {string} source @param {(file: string, why: string) => void} skip */
const opened = (source, skip) =>
  source.startsWith('s3://') ? require('./s3.js').s3Source(source, skip) : localSource(source, skip);

/**
 * @param {string[]} sources folders, globs, files, s3://bucket/prefix
 * @returns {Promise<any>} plimsoll.fleet/1
 */
async function gather(sources) {
  const fleet = new Fleet();
  const lines = new Lines();
  const skip = (file, why) => lines.add(`${file} ${why}`);
  let unsigned = 0;
  let unnamed = 0;
  for (const source of sources.map((each) => opened(each, skip))) {
    for await (const { name, read, modifiedMs } of source) {
      try {
        const content = await read();
        const report = readReport(content, modifiedMs());
        const same = fleet.add(report, name);
        if (same !== null) skip(name, `is the same report as ${same}; it counts once`);
        else {
          unsigned += report.unsigned;
          if (report.unnamed !== null) {
            unnamed++;
            lines.add(`${name} reports a leak (${report.unnamed}) without a suspect`);
          }
          if (report.aheadMs > 0)
            skip(name, `is dated ${duration(report.aheadMs)} after its file was written; the file's time counts`);
        }
      } catch (error) {
        skip(name, error.code === 'ERR_PLIMSOLL_REPORT' ? error.message : `cannot be read (${error.code ?? error})`);
      }
    }
  }
  if (unsigned > 0)
    lines.add(
      `${unsigned === 1 ? '1 suspect has' : `${count(unsigned)} suspects have`} no signature: an earlier version made the report`,
    );
  if (fleet.dropped > 0) lines.add(`${count(fleet.dropped)} suspects were left out: there are too many different ones`);
  return { ...fleet.result(), unsigned, unnamed, notes: lines.all };
}

module.exports = { gather };
