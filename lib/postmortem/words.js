'use strict';
// The end of a process as one line.

const { bytes, duration } = require('../report/units.js');
const { kindOf, place, printable } = require('../report/words.js');

const MOST_SUSPECTS = 3;

const CAUSES = {
  'heap-limit': () => 'V8 reached its heap limit',
  'cgroup-limit': () => 'killed at the memory limit of its cgroup',
  signal: ({ signal }) => `killed by ${printable(signal)}`,
  'exit-code': ({ code }) => `exited with code ${code}`,
  unknown: () => 'cause of death unknown',
};

/** @param {any} report  with postMortem @param {string} [cwd] */
function line(report, cwd = process.cwd()) {
  const { postMortem: about, verdict, suspects } = report;
  const who = [`pid ${about.pid}`, about.release && `release ${about.release}`, about.host && `host ${about.host}`];
  const ended = about.agoMs === null ? 'ended' : `ended ${duration(about.agoMs)} ago`;
  const after = about.uptimeMs === null ? '' : ` after ${duration(about.uptimeMs)}`;
  const held = about.verdictForMs === null ? '' : ` for ${duration(about.verdictForMs)}`;
  const named = suspects.slice(0, MOST_SUSPECTS).map((suspect) => {
    const where = place(suspect, cwd);
    return printable([kindOf(suspect), suspect.name, where].filter(Boolean).join(' '));
  });
  const parts = [
    `previous process (${who.filter(Boolean).map(printable).join(', ')}) ${ended} at ${bytes(about.memory.used)} of ${bytes(about.memory.limit)}${after}`,
    CAUSES[about.cause](about),
    `verdict ${[verdict.channel, verdict.state].filter(Boolean).join(' ')}${held}`,
    ...(named.length > 0 ? [`suspects: ${named.join(', ')}`] : []),
  ];
  return parts.join('; ');
}

module.exports = { line };
