'use strict';
// The causes, units, states and channels of a report, each with its words. Views, metrics, the merge of suspects and
// lib/facts.js read these tables. Rust, the types, the schema and the documentation have lists of their own, which
// __test__/docs/vocabulary.test.js compares with the tables.

/** Who made what a cause counts: the words in front of its sites. */
const ALLOCATED = 'allocated by';
const ADDED = 'added by';
const STARTED = 'started by';
const CREATED = 'created by';

/** What one and several of a unit are called. */
const OBJECT = ['object', 'objects'];

/**
 * @typedef {object} CauseWords
 * @property {string} kind  stands before the name of a suspect, or in place of one; '' if only the name says something
 * @property {string[]} counted  what `count` counts, for one and for several
 * @property {string} sites  stands before the places in the code
 * @property {boolean} isCollection  whether it can retain what a tracker counts
 * @property {boolean} isOnePerFile  whether one file rarely has two suspects of it
 * @property {boolean} isFromSnapshots  whether the analyzer finds it; else only the report's own evidence does
 */

const cause = (kind, counted, sites = ALLOCATED, more = {}) => ({
  kind,
  counted,
  sites,
  isCollection: false,
  isOnePerFile: false,
  isFromSnapshots: true,
  ...more,
});

/** @type {Record<string, CauseWords>} */
const CAUSES = {
  map: cause('Map', ['entry', 'entries'], ALLOCATED, { isCollection: true }),
  set: cause('Set', ['value', 'values'], ALLOCATED, { isCollection: true }),
  object: cause('object', ['property', 'properties'], ALLOCATED, { isCollection: true }),
  array: cause('array', ['element', 'elements'], ALLOCATED, { isCollection: true }),
  listeners: cause('listeners of', ['listener', 'listeners'], ADDED),
  timers: cause('timers', ['timer', 'timers'], STARTED),
  promises: cause('promises', ['promise', 'promises'], CREATED, { isOnePerFile: true }),
  closure: cause('closure', ['closure', 'closures']),
  buffers: cause('buffers', ['buffer', 'buffers']),
  streams: cause('streams', ['stream', 'streams'], CREATED, { isOnePerFile: true }),
  sockets: cause('sockets', ['socket', 'sockets'], CREATED, { isOnePerFile: true }),
  weak: cause('weak', OBJECT),
  cache: cause('cache', ['entry', 'entries'], ALLOCATED, { isCollection: true, isFromSnapshots: false }),
  native: cause('native', OBJECT, ALLOCATED, { isFromSnapshots: false }),
  other: cause('', OBJECT),
};

/** What `unit` says that `count` counts if the cause does not define it. */
const UNITS = {
  chunks: ['chunk', 'chunks'],
  links: ['link', 'links'],
  objects: OBJECT,
};

/** The states of a verdict, the most serious one first, with their label. */
const STATES = {
  leak: 'leak',
  suspect: 'leak suspected',
  fragmentation: 'fragmentation',
  filling: 'filling',
  'follows-load': 'follows the load',
  warming: 'warming up',
  slow: 'slow growth',
  steady: 'steady',
  'too-early': 'too early to tell',
};

/** The kinds of memory that a verdict is about, in the order of `verdict.channels`, with the title of their chart. */
const CHANNELS = {
  heap: 'V8 heap after collections',
  external: 'External: mostly Buffers',
  native: 'Native: the rest of resident memory',
};

/** The words of a cause. Reports of later versions may have other causes: they get the words of `other`. */
const wordsOf = (name) => (Object.hasOwn(CAUSES, name) ? CAUSES[name] : CAUSES.other);

/** Whether the bytes of a cause are what was allocated, rather than what was added, started or created. */
const isAllocated = (name) => wordsOf(name).sites === ALLOCATED;

module.exports = { CAUSES, UNITS, STATES, CHANNELS, wordsOf, isAllocated };
