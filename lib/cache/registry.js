'use strict';
// The live caches of this isolate. Each has a record of counters in memory that the native sampler
// reads by itself (src/cache/registry.rs has the same layout); a collected cache's record is closed.

const path = require('node:path');
const { CACHE_KINDS, CACHE_RECORD } = require('../facts.js');
const { native } = require('../native.js');
const made = require('./made.js');
const { Map, FinalizationRegistry } = require('./built-ins.js');

/** Words (doubles) of a record; after LABEL come the label's bytes. */
const { words: RECORD_WORDS, kind: KIND, label: LABEL } = CACHE_RECORD;
const LABEL_BYTES = (RECORD_WORDS - LABEL - 1) * 8;
const FIRST_ARENA = 32;
const LARGEST_ARENA = 4096;
const MOST_FILES = 1000;

/** What stands where in a record. `ID` 0 marks one that is not in use. */
const ID = 0;
const NAMED = 1;
const SIZE = 2;
const CAPACITY = 3;
const BYTES = 4;
const MAX_BYTES = 5;
const HITS = 6;
const MISSES = 7;
const EVICTIONS = 8;
const EXPIRATIONS = 9;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** @type {ArrayBuffer[]} */
const arenas = [];
/** @type {Float64Array[]} */
const unused = [];
/**
 * Where each was constructed. @type {Map<number, { function: string | null, file: string, line: number, column: number
 * } | null>}
 */
const sites = new Map();
/** @type {{ id: number, name: string, readStats: () => object }[]} */
const shared = [];
/** What `relative` said of each file. @type {Map<string, string>} */
const shortened = new Map();
let lastId = 0;

const collected = new FinalizationRegistry((/** @type {Float64Array} */ record) => {
  sites.delete(record[ID]);
  record[ID] = 0;
  unused.push(record);
});

function grow() {
  const records = Math.min(FIRST_ARENA * 2 ** arenas.length, LARGEST_ARENA);
  const bytes = records * RECORD_WORDS * 8;
  const buffer = native === null ? new ArrayBuffer(bytes) : native.cacheArena(records);
  arenas.push(buffer);
  for (let i = records - 1; i >= 0; i--) unused.push(new Float64Array(buffer, i * RECORD_WORDS * 8, RECORD_WORDS));
}

/**
 * Opens the record of a cache: all counters 0, closed when the cache is collected.
 * @param {object} cache
 * @param {string} kind one of CACHE_KINDS
 * @param {string | undefined} name where undefined, the place of construction takes its place
 * @param {Function} constructor the outermost frame that is not the user's
 * @returns {Float64Array}
 */
function open(cache, kind, name, constructor) {
  made.any = true;
  if (unused.length === 0) grow();
  const record = /** @type {Float64Array} */ (unused.pop());
  record.fill(0);
  record[NAMED] = name === undefined ? 0 : 1;
  record[KIND] = CACHE_KINDS.indexOf(kind);
  record[CAPACITY] = Infinity;
  record[MAX_BYTES] = Infinity;
  const site = siteOf(constructor);
  record[LABEL] = writeLabel(
    record,
    name ?? (site === null ? '' : `${relative(site.file)}:${site.line}:${site.column}`),
  );
  record[ID] = ++lastId;
  sites.set(lastId, site);
  collected.register(cache, record);
  return record;
}

/** Returns the bytes that the label took: of one too long the end is kept, where a path says most. */
function writeLabel(record, label) {
  const bytes = new Uint8Array(record.buffer, record.byteOffset + (LABEL + 1) * 8, LABEL_BYTES);
  const { read, written } = encoder.encodeInto(label, bytes);
  if (read === label.length) return written;
  return encoder.encodeInto(`…${label.slice(-Math.floor(LABEL_BYTES / 3) + 1)}`, bytes).written;
}

function readLabel(record) {
  return decoder.decode(new Uint8Array(record.buffer, record.byteOffset + (LABEL + 1) * 8, record[LABEL]));
}

/** The frame that called `constructor`, or null where the engine does not say. */
function siteOf(constructor) {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 1;
    Error.prepareStackTrace = (_, frames) => frames;
    const holder = /** @type {{ stack?: any }} */ ({});
    Error.captureStackTrace(holder, constructor);
    const frame = holder.stack?.[0];
    const file = frame?.getScriptNameOrSourceURL?.();
    return file
      ? {
          function: frame.getFunctionName(),
          file: toPath(file),
          line: frame.getLineNumber(),
          column: frame.getColumnNumber(),
        }
      : null;
  } catch {
    return null; // a frozen Error, a hostile script name: the cache works without
  } finally {
    try {
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = stackTraceLimit;
    } catch {
      // frozen: nothing was changed either
    }
  }
}

const toPath = (file) => (file.startsWith('file://') ? decodeURIComponent(new URL(file).pathname) : file);

/** Paths from the working directory of its time: a cache keeps the name that it has. */
function relative(file) {
  let shown = shortened.get(file);
  if (shown === undefined) {
    shown = fromHere(file);
    if (shortened.size === MOST_FILES) shortened.clear();
    shortened.set(file, shown);
  }
  return shown;
}

function fromHere(file) {
  try {
    const short = path.relative(process.cwd(), file);
    return path.isAbsolute(file) && !short.startsWith('..') ? short : file;
  } catch {
    return file; // the working directory has been removed
  }
}

/** The counters of a record as `stats()` gives them. */
function stats(record) {
  const lookups = record[HITS] + record[MISSES];
  return {
    size: record[SIZE],
    max: record[CAPACITY],
    bytes: record[BYTES],
    maxBytes: record[MAX_BYTES],
    hits: record[HITS],
    misses: record[MISSES],
    hitRatio: lookups === 0 ? 0 : record[HITS] / lookups,
    evictions: record[EVICTIONS],
    expirations: record[EXPIRATIONS],
  };
}

/** Adds a cache that all threads share, whose counters the native side keeps, for as long as this isolate lives. */
function addShared(name, readStats) {
  made.any = true;
  shared.push({ id: ++lastId, name, readStats });
}

/** Records that there is memory for, in use or not. */
function reserved() {
  return arenas.reduce((sum, { byteLength }) => sum + byteLength, 0) / (RECORD_WORDS * 8);
}

/** The live caches of this isolate, oldest first: {id, kind, name, named, site, ...stats}. */
function caches() {
  const live = shared.map(({ id, name, readStats }) => ({
    id,
    kind: 'SharedCache',
    name,
    named: true,
    site: null,
    ...readStats(),
  }));
  for (const buffer of arenas) {
    const words = new Float64Array(buffer);
    for (let at = 0; at < words.length; at += RECORD_WORDS) {
      if (words[at + ID] === 0) continue;
      const record = words.subarray(at, at + RECORD_WORDS);
      live.push({
        id: record[ID],
        kind: CACHE_KINDS[record[KIND]],
        name: readLabel(record),
        named: record[NAMED] === 1,
        site: sites.get(record[ID]) ?? null,
        ...stats(record),
      });
    }
  }
  return live.toSorted((a, b) => a.id - b.id);
}

/** How many there are. */
const liveCaches = () => sites.size + shared.length;

module.exports = {
  open,
  addShared,
  liveCaches,
  caches,
  reserved,
  stats,
  SIZE,
  CAPACITY,
  BYTES,
  MAX_BYTES,
  HITS,
  MISSES,
  EVICTIONS,
  EXPIRATIONS,
};
