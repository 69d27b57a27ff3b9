'use strict';
// Loads what a leak's evidence takes while all is well. At the moment of the leak the process may have no descriptor
// left, or a deploy may have replaced the files. One file a tick: none of them stops the loop for long.

const { native } = require('../native.js');

const SNAPSHOT = ['../snapshot/take-snapshot.js', './diagnosis.js', './heap-profile.js'];
const REPORT = [
  '../track/sites.js',
  '../track/index.js',
  '../report/analyze.js',
  '../report/report.js',
  './evidence.js',
  './latest-evidence.js',
  '../report/caches.js',
];
const VIEWS = { html: '../report/html.js', text: '../report/terminal.js' };

class Preload {
  #files;

  /** @param {{ report: string[] }} options of watch() */
  constructor({ report }) {
    this.#files = [
      ...SNAPSHOT,
      ...REPORT,
      ...report.filter((format) => Object.hasOwn(VIEWS, format)).map((format) => VIEWS[format]),
    ].toReversed();
  }

  /** Once a tick. A file that cannot be loaded now is tried again at the next one. */
  tick() {
    const file = this.#files.at(-1);
    if (file === undefined) return;
    try {
      // The means are looked up once, in files of /proc.
      native?.snapshotSupport();
      require(file);
      this.#files.pop();
    } catch {
      // The code that needs the module reports the error.
    }
  }
}

module.exports = { Preload };
