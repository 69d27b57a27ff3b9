'use strict';
// A few lines to paste in place of what leaks. Only where the variable is the program's own and its name is known.

const path = require('node:path');
const { bytes } = require('./units.js');

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;
const MODULES = new Set(['.mjs', '.ts', '.mts', '.tsx']);
/** The bytes that a bounded collection is offered. */
const ROOM = 32 * 2 ** 20;
const MOST = 1_000_000;

/** A bound in one figure, as it is written in source: 10_000. @param {number} n */
const written = (n) => String(n).replaceAll(/\B(?=(\d{3})+$)/g, '_');

/** How many entries of this size fit, in one figure. */
function boundOf({ bytes: grown, count }) {
  const each = grown > 0 && count > 0 ? grown / count : null;
  const most = each === null ? 10_000 : Math.min(MOST, Math.max(1, ROOM / each));
  const unit = 10 ** Math.floor(Math.log10(most));
  return { max: Math.max(1, Math.floor(most / unit) * unit), each };
}

const importOf = (name, file) =>
  MODULES.has(path.extname(file ?? ''))
    ? `import { ${name} } from 'plimsoll';`
    : `const { ${name} } = require('plimsoll');`;

/** `// about 32 MB: 2 KB for each entry` */
function sizeNote({ max, each }) {
  return each === null ? '' : ` // about ${bytes(max * each)}: ${bytes(each)} for each entry`;
}

function bounded(assigned, suspect) {
  const bound = boundOf(suspect);
  return [
    importOf('BoundedMap', suspect.file),
    '',
    `${assigned} new BoundedMap({ max: ${written(bound.max)} });${sizeNote(bound)}`,
  ];
}

function ring(assigned, suspect) {
  const bound = boundOf(suspect);
  return [
    importOf('RingBuffer', suspect.file),
    '',
    `${assigned} new RingBuffer(${written(bound.max)});${sizeNote(bound)}`,
  ];
}

/** The emitter and the event, where the path has both. */
function listeners(name, { path: steps }) {
  const event = /'([^']+)'$/.exec(name)?.[1] ?? steps.at(-1);
  const emitter = steps.findLast((step) => IDENTIFIER.test(step) && step !== event && step !== '_events');
  if (emitter === undefined || !/^[\w:.-]+$/.test(event ?? '')) return [];
  return [`${emitter}.on('${event}', listener);`, `request.once('close', () => ${emitter}.off('${event}', listener));`];
}

/** How a module exports something as a whole, by the last step of the path. */
const EXPORTED = { exports: 'module.exports =', default: 'export default' };

/** What stands before the value: `const sessions =`; empty where the name is no variable's. */
function assignmentOf({ name, file, path: steps = [] }) {
  if (IDENTIFIER.test(name)) return `const ${name} =`;
  const last = steps.at(-1);
  return name === path.basename(file ?? '') && Object.hasOwn(EXPORTED, last) ? EXPORTED[last] : '';
}

const BY_CAUSE = { map: bounded, set: bounded, object: bounded, array: ring };

/**
 * @param {any} suspect @param {boolean} redacted names are hashes then
 * @returns {string} lines; empty where none can be given
 */
function snippet(suspect, redacted = false) {
  const { cause, name, package: of } = suspect;
  if (redacted || of) return '';
  if (cause === 'listeners') return listeners(name, suspect).join('\n');
  const lines = BY_CAUSE[cause];
  const assigned = assignmentOf(suspect);
  return lines === undefined || assigned === '' ? '' : lines(assigned, suspect).join('\n');
}

module.exports = { snippet };
