'use strict';
// Where something was added: the call site of the user's code, captured seldom and interned.
//
// V8's structured call sites are read through `Error.prepareStackTrace`, which is ours only while one
// stack is taken and is put back as it was (its absence too); so is `Error.stackTraceLimit`.

const fs = require('node:fs');
const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { findSourceMap, SourceMap } = require('node:module');

const { captureStackTrace } = Error;

const FRAMES = 24;
const MAX_SITES = 4096;
/** A stack costs 2-5 us: this many at once, and this many a tick (a second), are 0.1 % of one core. */
const BURST = 1024;
const PER_TICK = 200;
/** A map that is not loaded by Node is read when a report is made; larger ones are left alone. */
const MAX_MAP_BYTES = 4 << 20;

const OWN = path.dirname(__dirname) + path.sep;
const UNKNOWN = 0;

/** @type {{ function: string | null, file: string | null, line: number | null, column: number | null, caller: object | null, mapped: boolean }[]} */
const sites = [{ function: null, file: null, line: null, column: null, caller: null, mapped: true }];
/** @type {Map<string, number>} */
const ids = new Map();

let tokens = BURST;

/** A tick: more stacks may be captured. */
function refill() {
  tokens = Math.min(BURST, tokens + PER_TICK);
}

/** Whether there is room for more captures than usual. */
function hasSpare() {
  return tokens > BURST / 2;
}

const keepCallSites = (_error, frames) => frames;

/** The structured call sites of now, or none where `Error` is frozen. @param {number} most */
function callSites(most) {
  const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
  const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  if (!replaceable(limit) || !replaceable(prepare) || !Object.isExtensible(Error)) return [];
  try {
    Error.stackTraceLimit = most;
    Error.prepareStackTrace = keepCallSites;
    const holder = {};
    captureStackTrace(holder, callSites);
    return Array.isArray(holder.stack) ? holder.stack : [];
  } finally {
    restore('prepareStackTrace', prepare);
    restore('stackTraceLimit', limit);
  }
}

/** @param {PropertyDescriptor | undefined} descriptor */
function replaceable(descriptor) {
  return descriptor === undefined || (descriptor.writable === true && descriptor.configurable === true);
}

/** @param {string} key @param {PropertyDescriptor | undefined} descriptor */
function restore(key, descriptor) {
  if (descriptor === undefined) delete Error[key];
  else Error[key] = descriptor.value;
}

/** Tracers wrap what others call: what calls them is the site. */
const TRACER =
  /[\\/]node_modules[\\/](?:@opentelemetry|@sentry|@datadog|dd-trace|newrelic|elastic-apm-node|applicationinsights|cls-hooked|continuation-local-storage|async-listener|emitter-listener|shimmer)[\\/]/;
const isUsers = (file) =>
  !file.startsWith('node:') && !file.startsWith('internal/') && !file.startsWith(OWN) && !TRACER.test(file);
const isDependency = (file) => file.includes('/node_modules/') || file.includes('\\node_modules\\');

/**
 * Captures where the user's code is now.
 *
 * @returns {{ site: number, builtIn: string | null, within: string | null } | null} `site` is the id of the first frame
 * outside Node, plimsoll and tracers; `builtIn` names the frame just below plimsoll where it has no file (V8's
 * own `Promise` constructor and the like), and `within` the one that calls that. Null when the budget for captures is
 * used up.
 *
 * @param {number} [most]  frames to look at
 * @param {(frame: NodeJS.CallSite) => boolean} [isForeign]  of a frame outside the application: whether what is below
 * it had no part in this, so that the site is unknown
 */
function capture(most = FRAMES, isForeign = () => false) {
  if (tokens === 0) return null;
  tokens--;
  let builtIn = null;
  let within = null;
  let added = null;
  let caller = null;
  let below = true;
  for (const frame of callSites(most)) {
    const file = fileOf(frame);
    if (isForeign(frame)) return { site: UNKNOWN, builtIn: null, within: null };
    if (file === null) {
      if (below && builtIn === null) builtIn = frame.getFunctionName();
      else if (below) within ??= frame.getFunctionName();
      continue;
    }
    if (!isUsers(file)) {
      below &&= builtIn === null;
      continue;
    }
    below = false;
    if (added === null) {
      added = frame;
      if (!isDependency(file)) break;
    } else if (!isDependency(file)) {
      caller = frame;
      break;
    }
  }
  return { site: added === null ? UNKNOWN : intern(added, caller), builtIn, within };
}

function intern(added, caller) {
  const key = caller === null ? position(added) : `${position(added)} ${position(caller)}`;
  let id = ids.get(key);
  if (id === undefined) {
    if (sites.length >= MAX_SITES) return UNKNOWN;
    id = sites.length;
    sites.push({ ...frameOf(added), caller: caller && frameOf(caller), mapped: false });
    ids.set(key, id);
  }
  return id;
}

/** A file, a URL, or what `//# sourceURL=` names in code from a string; null for V8's own functions. */
const fileOf = (frame) => frame.getFileName() ?? frame.getScriptNameOrSourceURL() ?? null;

const position = (frame) => `${fileOf(frame)}:${frame.getLineNumber()}:${frame.getColumnNumber()}`;

function frameOf(frame) {
  return {
    function: frame.getFunctionName(),
    file: toPath(fileOf(frame)),
    line: frame.getLineNumber(),
    column: frame.getColumnNumber(),
  };
}

function toPath(file) {
  if (file === null || !file.startsWith('file:')) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

/** The site as reports show it, mapped to its source when it is first asked for. */
function describe(id) {
  const site = sites[id] ?? sites[UNKNOWN];
  if (!site.mapped) {
    site.mapped = true;
    mapToSource(site);
    if (site.caller !== null) mapToSource(site.caller);
  }
  const { function: name, file, line, column, caller } = site;
  const described = { function: name, file, line, column };
  return caller === null ? described : { ...described, caller: { ...caller } };
}

/** In one line, for the native side, which `fromLabel` reads; not worth reading a source map for. */
function label(id) {
  const { function: name, file, line, column } = sites[id];
  return file === null ? '' : `${file}:${line}:${column} ${name ?? ''}`;
}

/** The site as the script that ran has it, or null. @param {number} id */
function placeOf(id) {
  const { function: name, file, line, column } = sites[id];
  return file === null ? null : { function: name, file, line, column };
}

/** @param {string} text  a label @returns {{ function: string | null, file: string, line: number, column: number } | null} */
function fromLabel(text) {
  const [, file, line, column, name] = /^(.*):(\d+):(\d+) (.*)$/s.exec(text) ?? [];
  if (file === undefined) return null;
  const frame = { function: name || null, file, line: Number(line), column: Number(column) };
  mapToSource(frame);
  return frame;
}

function mapToSource(frame) {
  const map = frame.file && mapOf(frame.file);
  if (!map) return;
  const entry = map.findEntry(frame.line - 1, frame.column - 1);
  if (typeof entry.originalSource !== 'string') return;
  frame.file = resolveSource(entry.originalSource, frame.file);
  if (mapped.size < MAX_SITES) mapped.add(frame.file);
  frame.line = entry.originalLine + 1;
  frame.column = entry.originalColumn + 1;
}

/** Files that source maps name, which need not exist here. @type {Set<string>} */
const mapped = new Set();

/** Whether a source map names this file, as opposed to the program as it ran. @param {string} file */
const isMapped = (file) => mapped.has(file);

function resolveSource(source, generated) {
  if (source.startsWith('file:')) return toPath(source);
  return /^[a-z][a-z+.-]+:/i.test(source) ? source : path.resolve(path.dirname(generated), source);
}

/** A map takes megabytes, and is wanted while a report is made. */
const KEPT_MAPS = 8;
/** @type {Map<string, SourceMap>} */
const maps = new Map();
/** Scripts without one. @type {Set<string>} */
const mapless = new Set();

/** What Node has loaded (--enable-source-maps), else the file that the script's last lines name. */
function mapOf(file) {
  const loaded = findSourceMap(file);
  if (loaded) return loaded;
  if (maps.has(file) || mapless.has(file)) return maps.get(file);
  let map = null;
  try {
    map = readMap(file);
  } catch {
    // No map, an unreadable one, or not a map: the generated position stands.
  }
  if (map === null) {
    if (mapless.size >= MAX_SITES) mapless.clear();
    mapless.add(file);
  } else {
    if (maps.size >= KEPT_MAPS) maps.delete(maps.keys().next().value);
    maps.set(file, map);
  }
  return map;
}

function readMap(file) {
  if (!path.isAbsolute(file)) return null;
  const url = /\/\/[#@] sourceMappingURL=(\S+)\s*$/.exec(tail(file))?.[1];
  if (url === undefined) return null;
  const inline = /^data:application\/json[^,]*?(;base64)?,(.*)$/.exec(url);
  if (inline)
    return new SourceMap(
      JSON.parse(inline[1] ? Buffer.from(inline[2], 'base64').toString() : decodeURIComponent(inline[2])),
    );
  const mapFile = path.resolve(path.dirname(file), decodeURIComponent(url));
  return fs.statSync(mapFile).size > MAX_MAP_BYTES ? null : new SourceMap(JSON.parse(fs.readFileSync(mapFile, 'utf8')));
}

function tail(file) {
  const { size } = fs.statSync(file);
  return size > MAX_MAP_BYTES * 2 ? '' : fs.readFileSync(file, 'utf8');
}

/**
 * The sites of a tally, the largest first: `share` is that of `total`. Counts are rounded by their running sum, so that
 * together they are `known`.
 *
 * @param {Map<number, number>} weights  by site id
 * @param {number} known  what the weights stand for together
 * @param {number} total  with those that no site is known of
 */
function rank(weights, known, total) {
  let sum = 0;
  for (const weight of weights.values()) sum += weight;
  const countOf = (weight) => Math.round((weight / sum) * known);
  let before = 0;
  return [...weights]
    .toSorted((a, b) => b[1] - a[1])
    .slice(0, 10)
    .map(([id, weight]) => {
      const count = countOf(before + weight) - countOf(before);
      before += weight;
      return { ...describe(id), count, share: total === 0 ? 0 : ((weight / sum) * known) / total };
    });
}

/** The site with the largest weight. @param {Map<number, number>} weights */
function heaviest(weights) {
  let most = UNKNOWN;
  for (const [site, weight] of weights) if (weight > (weights.get(most) ?? 0)) most = site;
  return most;
}

module.exports = {
  capture,
  hasSpare,
  refill,
  UNKNOWN,
  describe,
  placeOf,
  label,
  fromLabel,
  rank,
  heaviest,
  mapToSource,
  isMapped,
  toPath,
};
