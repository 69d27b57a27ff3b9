'use strict';
// A fleet as lines for a terminal.

const { count, rate } = require('../report/units.js');
const { kindOf, place, printable } = require('../report/words.js');
const { wrap } = require('../report/wrap.js');

const MOST_LEAKS = 20;
const LABEL = 13;
const WIDTH = 100;

/** `2026-11-23 14:05 UTC` */
const moment = (at) => (at === null ? 'unknown' : `${at.slice(0, 16).replace('T', ' ')} UTC`);

/** `36 of 40 processes` */
const extent = ({ processes, ofProcesses }) =>
  `${count(processes)} of ${count(ofProcesses)} ${ofProcesses === 1 ? 'process' : 'processes'}`;

/** `since 1.4.2 (not in 1.4.1)` */
function sinceText({ since }) {
  if (since === null) return 'release unknown';
  return `since ${since.release}${since.previous === null ? '' : ` (not seen in ${since.previous})`}`;
}

/** `+3 MB/min in the median, +9 MB/min at worst (api-7f)` */
function rateText({ bytesPerMinute }) {
  if (bytesPerMinute === null) return 'rate unknown';
  const { median, worst, worstProcess } = bytesPerMinute;
  const where = worstProcess.pod ?? worstProcess.host;
  return `${rate(median)} median, ${rate(worst)} worst${where === null ? '' : ` (${where})`}`;
}

/** Where it is: where it is declared, else the first allocation site. */
const locationOf = (leak) => place(leak.file === null && leak.sites.length > 0 ? leak.sites[0] : leak);

const titleOf = (leak) => [kindOf(leak), leak.name].filter(Boolean).join(' ');

/** The lines of a leak, for each view: label and text. @returns {[string, string][]} */
function factsOf(leak) {
  const rows = [
    ['where', locationOf(leak)],
    ['processes', `${extent(leak)}${leak.services.length > 0 ? ` of ${leak.services.join(', ')}` : ''}`],
    ['release', sinceText(leak)],
    ['growth', rateText(leak)],
    ['seen', `${moment(leak.firstSeen)} to ${moment(leak.lastSeen)}`],
    ['retained by', leak.path.join(' > ')],
    ['try', leak.knownLeak ?? leak.advice ?? ''],
    ['evidence', leak.report],
    ['signature', leak.signature],
  ];
  return rows.filter(([, text]) => text !== '');
}

/** `2 leaks in 38 of 40 processes (10,000 reports)` */
function headlineOf({ leaks, leaking, processes, reports, unsigned = 0, unnamed = 0 }) {
  const unknown = unsigned > 0 ? 'no leak with a signature' : 'no leak with a suspect';
  const none = unsigned + unnamed > 0 ? unknown : 'no leak';
  const found = leaks.length === 0 ? none : `${count(leaks.length)} ${leaks.length === 1 ? 'leak' : 'leaks'}`;
  const among = leaks.length === 0 ? count(processes) : `${count(leaking)} of ${count(processes)}`;
  return `${found} in ${among} ${processes === 1 ? 'process' : 'processes'} (${count(reports)} ${reports === 1 ? 'report' : 'reports'})`;
}

function block(leak, width) {
  const rows = factsOf(leak).flatMap(([label, text]) => {
    const [first, ...rest] = wrap(printable(text), Math.max(width - LABEL - 2, 20));
    return [`  ${label.padEnd(LABEL)}${first}`, ...rest.map((line) => `${' '.repeat(LABEL + 2)}${line}`)];
  });
  return [printable(titleOf(leak)), ...rows, ''];
}

/** @param {any} fleet plimsoll.fleet/1 @param {number} [width] */
function renderTerminal(fleet, width = WIDTH) {
  const more = fleet.leaks.length - MOST_LEAKS;
  return [
    headlineOf(fleet),
    '',
    ...fleet.leaks.slice(0, MOST_LEAKS).flatMap((leak) => block(leak, width)),
    ...(more > 0 ? [`${count(more)} more leaks are in --json`, ''] : []),
  ].join('\n');
}

module.exports = { renderTerminal, factsOf, headlineOf, titleOf, moment };
