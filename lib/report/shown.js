'use strict';
// What outputs show of names, scripts and lines: as they are, or by the rules of redaction.js.

/** @typedef {{ function: string | null, file: string | null, line: number | null, column: number | null, caller?: any }} Frame */
/**
 * @typedef {object} Shown
 * @property {boolean} redacts
 * @property {(name: any) => any} name of a cache, an event, a host, a class
 * @property {(label: string) => string} label `emitter: event`, `agent host`
 * @property {(name: any) => any} function
 * @property {(script: any) => any} script a path or URL
 * @property {<F extends Frame>(frame: F) => F} frame a site, its caller included
 * @property {(suspect: any) => any} suspect of a tracker; those of snapshots are as redacted as the snapshots
 * @property {(files: (string | null | undefined)[]) => Promise<void>} learn reads files of the program, whose
 * identifiers then stay
 */

const same = (value) => value;

/** @type {Shown} */
const PLAIN = {
  redacts: false,
  name: same,
  label: same,
  function: same,
  script: same,
  frame: same,
  suspect: same,
  learn: async () => {},
};

/** @param {boolean} redact @returns {Shown} */
const shownAs = (redact) => (redact ? require('./redaction.js').redaction() : PLAIN);

module.exports = { PLAIN, shownAs };
