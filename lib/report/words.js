'use strict';
// The sentences that every view of a report shares: the terminal, the page, the log line.

const path = require('node:path');
const { bytes, range, change, rate, count, duration, percent } = require('./units.js');
const { shareOf } = require('./growth.js');
const { UNITS, wordsOf } = require('../vocabulary.js');

// Controls (escape sequences), invisible formats (text that reads in another order than it is stored), line ends.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Names come from the heap of a program and may hold anything: nothing of it may steer a terminal. */
function printable(text) {
  return String(text)
    .toWellFormed()
    .replace(UNSAFE, (char) => (char === '\n' ? '\\n' : `\\u{${char.codePointAt(0).toString(16)}}`));
}

/** The end of a long text is left out. @param {string} text @param {number} most characters */
function clipped(text, most) {
  return text.length > most ? `${text.slice(0, most - 1).toWellFormed()}…` : text;
}

/** `src/session.js:12`, relative where the file is below `cwd`; empty where it is not known. */
function place({ file, line }, cwd) {
  if (!file) return '';
  const relative = cwd && path.isAbsolute(file) ? path.relative(cwd, file) : file;
  const shown = relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
  return printable(line ? `${shown}:${line}` : shown);
}

/** What a suspect is called by its cause: before its name, or in place of one. */
function kindOf({ cause, name }) {
  const { kind } = wordsOf(cause);
  return name ? kind : kind.replace(/ of$/, '') || 'objects';
}

/** Whether a suspect is large, and nothing shows that it grew: it comes from one snapshot. */
const isBySize = ({ proven, growth }) => proven === false && growth?.length === 1;

/** Whether it grew from each snapshot to the next, but too unevenly for a leak. */
const isUneven = ({ proven, growth }) => proven === false && growth?.length > 2;

/** `+48,213 entries`; without the sign where it has as many */
function gained(suspect) {
  const n = suspect.count;
  const [one, many] = UNITS[suspect.unit] ?? wordsOf(suspect.cause).counted;
  return `${n >= 0 && !isBySize(suspect) ? '+' : ''}${count(n)} ${Math.abs(n) === 1 ? one : many}`;
}

/** `+96 MB (94 %)`, `12 MB (8 % of the heap, not proven)` */
function extent(suspect) {
  const bySize = isBySize(suspect);
  const share = suspect.share == null ? '' : `${percent(suspect.share)}${bySize ? ' of the heap' : ''}`;
  const remarks = [share, suspect.proven === false ? 'not proven' : ''].filter(Boolean).join(', ');
  return `${bySize ? bytes(suspect.bytes) : change(suspect.bytes)}${remarks && ` (${remarks})`}`;
}

/** What a retaining path calls one of the many objects that a container holds. */
const ENTRY = '(entry)';

/** The steps of a retaining path from an entry to the instance that it leads to. */
function stepsToInstance({ retainingPath = [] }) {
  const names = retainingPath.map(({ name }) => name);
  return names.slice(names.lastIndexOf(ENTRY)).filter((name) => name !== '…' && name !== '()');
}

/** `ServerResponse @292571, retains 2 KB, held by (entry) > onConfig() > res`; empty where no snapshot shows one. */
function instanceLine(suspect) {
  const { instance } = suspect;
  if (instance === undefined) return '';
  const steps = stepsToInstance(suspect);
  const way = steps.length > 1 ? `, held by ${steps.map(printable).join(' > ')}` : '';
  return `${printable(instance.type)} @${instance.id}, retains ${bytes(instance.retained)}${way}`;
}

/** What is known of a suspect's memory outside of the heap; empty unless that is what leaks. */
function nativeLine({ nativeBytes }) {
  if (nativeBytes === undefined) return '';
  if (nativeBytes <= 0) return 'not known: a snapshot does not show the native memory of these objects';
  return `${change(nativeBytes)}, as Node counts it for these objects; libraries and addons may have allocated more`;
}

/** Of what is not explained, the part that is code. @param {number} code @param {number} all */
function ofCode(code, all) {
  if (code <= 0) return '';
  return code > all * 0.9 ? ' (compiled code)' : ` (${bytes(code)} compiled code)`;
}

/** `heap 25 to 42 MB, +17 MB in 2 min (+8.4 MB/min); explained 94 %, not explained 1 MB` */
function growthLine(growth) {
  const { fromBytes, toBytes, bytes: all, explainedBytes, unexplainedBytes: rest, codeBytes, intervalMs } = growth;
  const time = intervalMs > 0 ? ` in ${duration(intervalMs)} (${rate(growth.bytesPerMinute)})` : '';
  const total = `heap ${range(fromBytes, toBytes)}, ${change(all)}${time}`;
  if (all <= 0 || explainedBytes === 0) return total;
  const other =
    rest < 0 ? `everything else shrank by ${bytes(-rest)}` : `not explained ${bytes(rest)}${ofCode(codeBytes, rest)}`;
  return `${total}; explained ${percent(shareOf(explainedBytes, all))}, ${other}`;
}

/** The words between a suspect and its sites: `added by`. */
const siteVerb = (cause) => wordsOf(cause).sites;

/** Whose site it is, and how much of the whole: `login`, `91 %`. */
function siteWords(site) {
  const size = site.share == null ? (site.count == null ? '' : count(site.count)) : percent(site.share);
  return { name: printable(site.function || '(anonymous)'), size };
}

/** `login (src/routes/login.js:41) 91 %` */
function siteLine(site, cwd) {
  const { name, size } = siteWords(site);
  const where = place(site, cwd);
  return `${name}${where && ` (${where})`}${size && ` ${size}`}`;
}

/** Adds up what is known of both. */
const sum = (a, b) => (a == null || b == null ? (a ?? b) : a + b);

/** A smaller share may be chance. */
const LEAST_SHARE = 0.01;

/**
 * The first `most` of the sites. Those that would read alike, columns of one line of source, are one; of which nothing
 * is known are left out where something is known of others, and so are those of less than a hundredth.
 */
function mergedSites(sites, most) {
  const merged = new Map();
  const known = sites.filter((site) => site.function || site.file);
  for (const site of known.length > 0 ? known : sites) {
    const key = JSON.stringify([site.function, site.file, site.line]);
    const other = merged.get(key);
    merged.set(
      key,
      other === undefined
        ? site
        : { ...other, share: sum(other.share, site.share), count: sum(other.count, site.count) },
    );
  }
  const all = [...merged.values()];
  return all.filter(({ share }, at) => at === 0 || !(share < LEAST_SHARE)).slice(0, most);
}

/** The same as lines. */
const siteLines = (sites, cwd, most) => mergedSites(sites, most).map((site) => siteLine(site, cwd));

/** `forked, 17 ms pause`, `file of 3.9 MB` */
function taken({ method, pauseMs, bytes: size }) {
  if (method === 'file') return size == null ? 'file' : `file of ${bytes(size)}`;
  const how =
    { fork: 'forked', 'in-process': 'in process', inspector: 'through the inspector' }[method] ?? printable(method);
  const cost = pauseMs == null ? size != null && `file of ${bytes(size)}` : `${duration(pauseMs)} pause`;
  return [how, cost].filter(Boolean).join(', ');
}

const grows = ({ bytesPerMinute }) => bytesPerMinute != null && bytesPerMinute >= 0.5;

/** The time over which a verdict's channel grew at its rate. */
function spanOf({ channel, channels = [], spanMs, observedMs }) {
  return spanMs ?? channels.find((each) => each.channel === channel)?.spanMs ?? observedMs;
}

/** `208 MB, the heap's share of the 256 MB limit`; `the limit of 512 MB` where the channel may have all of it. */
function limitName({ channel, limitBytes }, limits) {
  const [whole, whose] = limits?.given == null ? [limits?.container, " container's"] : [limits.given, ''];
  if (whole == null || channel == null || bytes(whole) === bytes(limitBytes))
    return `the limit of ${bytes(limitBytes)}`;
  return `${bytes(limitBytes)}, ${channel === 'heap' ? "the heap's share" : `the share of ${channel} memory`} of the${whose} ${bytes(whole)} limit`;
}

/** `+3.1 MB/min over 33 min, 2 h 10 min to the limit of 512 MB`; `past the limit of 512 MB` */
function trend(verdict, limits) {
  if (!grows(verdict)) return '';
  const { bytesPerMinute, msToLimit, limitBytes } = verdict;
  const spanMs = spanOf(verdict);
  const span = spanMs > 0 ? ` over ${duration(spanMs)}` : '';
  const limit = limitBytes ? limitName(verdict, limits) : 'the limit';
  if (msToLimit === 0) return `${rate(bytesPerMinute)}${span}, past ${limit}`;
  const left = msToLimit == null ? '' : `, ${duration(msToLimit)} to ${limit}`;
  return `${rate(bytesPerMinute)}${span}${left}`;
}

/** The cache `sessions` (41 % of its bound) */
function filling({ cache }) {
  return cache ? `the cache \`${printable(cache.name)}\` (${percent(cache.share)} of its bound)` : 'a bounded cache';
}

/** The verdict in a sentence, without a full stop. */
function headline({ verdict, limits, suspects = [], snapshots = [], pid = null }) {
  const channel = verdict.channel ?? 'memory';
  const span = verdict.observedMs > 0 ? duration(verdict.observedMs) : '';
  const details = trend(verdict, limits);
  const and = details && `, ${details}`;
  switch (verdict.state) {
    case 'leak':
      return `${channel} leak${and}`;
    case 'suspect':
      return `suspected ${channel} leak${and}`;
    case 'warming':
      return `warming up${and}; growth slows down`;
    case 'follows-load':
      return `${channel} follows the load${and}; no leak`;
    case 'slow':
      return `slow growth of ${channel}${and}`;
    case 'fragmentation':
      return `fragmentation of ${channel}: committed, but not used${and}`;
    case 'filling':
      return `${filling(verdict)} is still filling${and}; no leak`;
    case 'too-early':
      if (pid === null && snapshots.length > 0) return snapshotsOnly(suspects, snapshots);
      return `too early to tell${span && `, watched for ${span}`}`;
    default:
      return `steady${span && ` for ${span}`}, no leak`;
  }
}

function snapshotsOnly(suspects, snapshots) {
  const found = `${count(suspects.length)} ${suspects.length === 1 ? 'suspect' : 'suspects'}`;
  if (snapshots.length === 1) {
    return suspects.length === 0
      ? 'one snapshot: no suspect by size'
      : `one snapshot: ${found} by size; three snapshots are needed to show growth`;
  }
  const from = `${count(snapshots.length)} snapshots`;
  if (suspects.length > 0) return `${found} from ${from}`;
  const shrank = snapshots.at(-1).heapBytes < snapshots[0].heapBytes;
  return shrank ? `the heap shrank over ${from}, so growth cannot be judged` : `no suspect in ${from}`;
}

/** `users`, `users ×3` for three of one name, and the row of all that the report has no room for. */
function cacheName(cache, cwd) {
  const name = cache.name === '' && !cache.kind ? 'others' : printable(cache.name ?? place(cache, cwd));
  return cache.instances > 1 ? `${name} ×${count(cache.instances)}` : name;
}

/** `2 kB of 1 MB`; empty where the cache does not count bytes. */
function cacheBytes({ bytes: held, maxBytes }) {
  if (maxBytes == null && !held) return '';
  return `${bytes(held ?? 0)}${maxBytes == null ? '' : ` of ${bytes(maxBytes)}`}`;
}

/** Hits of all reads; null before the first. */
function hitRatio({ hitRatio: given, hits = 0, misses = 0 }) {
  if (given != null) return given;
  return hits + misses === 0 ? null : hits / (hits + misses);
}

module.exports = {
  kindOf,
  printable,
  clipped,
  place,
  isBySize,
  isUneven,
  gained,
  extent,
  growthLine,
  instanceLine,
  nativeLine,
  siteVerb,
  siteWords,
  mergedSites,
  siteLines,
  taken,
  trend,
  spanOf,
  limitName,
  headline,
  cacheName,
  cacheBytes,
  hitRatio,
};
