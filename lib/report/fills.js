'use strict';
// Bounded caches that grow up to their bound are no leak, if what they hold then fits. The analyzer knows their
// entries and bound; here the bytes at the bound are compared with the limit.

const { bytes, count } = require('./units.js');
const { isBySize, place, printable } = require('./words.js');

/** Of a limit that is not known: what a heap has room for on a small machine. */
const UNKNOWN_LIMIT = 512 * 2 ** 20;
/** A heap that is fuller than this share of its limit collects all the time. */
const ROOM = 0.8;
/** What fills has to explain this share of the growth, for the verdict to be taken back. */
const MOST = 0.5;
const MINUTE = 60_000;

/** Classes of plain collections, what has no class, minified names, and inner names that a map has for those. */
const NO_CACHE = /^(?:Object|Array|Map|Set|\(.*\)|function\b.*|_.*|.{1,2})$/;

/** The class of a suspect's object, `LRUCache`; null where that says nothing. */
function classOf({ name, path = [], retainingPath = [] }) {
  // What a module exports as a whole is called as its file.
  const named = retainingPath.findLast((step) => step.name === name || step.name === path.at(-1));
  const type = named?.type;
  return type === undefined || NO_CACHE.test(type) ? null : type;
}

/** What a cache will retain when it is full. What it allocated in advance does not grow. */
function atBound({ cache: { entries, max, reserved = 0 }, retained }) {
  const ahead = Math.min(reserved, retained.at(-1));
  const bytesPerEntry = (retained.at(-1) - ahead) / Math.max(entries, 1);
  return { entries, max, reserved, bytesPerEntry, bytesAtMax: Math.round(ahead + bytesPerEntry * max) };
}

/** `LRUCache at lru.js:2 > c: 35,175 of 60,000 entries, 34 MB when full` */
function fillsLine({ cache, ...suspect }, cwd) {
  const { name, package: of } = suspect;
  const where = [place(suspect, cwd), printable(name)].filter(Boolean).join(' > ');
  const packaged = of ? `${of.name}${of.version ? `@${of.version}` : ''}` : null;
  const who = classOf(suspect) ?? packaged;
  const whose = who === null ? '' : `${printable(who)} at `;
  return `${whose}${where}: ${count(cache.entries)} of ${count(cache.max)} entries, ${bytes(cache.bytesAtMax)} when full`;
}

/** The entries that fit, in two figures: a bound is a round number. */
function fittingBound(room, bytesPerEntry) {
  const entries = Math.max(1, Math.floor(room / Math.max(bytesPerEntry, 1)));
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(entries)) - 1);
  return Math.floor(entries / unit) * unit;
}

/** A cache that is recognized has a cause of its own. An array with room stays what it is. */
const withCause = (suspect) => (suspect.cache && suspect.cause === 'map' ? { ...suspect, cause: 'cache' } : suspect);

/** A cache whose bound is not known is judged by its growth. The advice says which bound is missing. */
function unbounded({ cache: { entries, option, unbounded: isMissing }, ...suspect }) {
  const who = classOf(suspect) ?? 'the cache';
  const advice = isMissing
    ? `give it a bound: ${who} has no \`${option}\`, and ${count(entries)} entries; a ttl bounds how long they stay, not how many there are`
    : `check its bound: the source does not show the \`${option}\` of ${who}, which has ${count(entries)} entries; below that bound it still fills`;
  return { ...suspect, advice };
}

/** A cache that is full does not grow by entries. One snapshot does not show whether its values grow. */
const fullAdvice = ({ max }) =>
  `check whether its values grow: it has all of the ${count(max)} entries that it is bounded to`;

/**
 * Parts suspects from caches that fill and fit. A cache that does not fit stays, with the bound that would.
 * @param {any[]} all suspects @param {number | null} heapBytes all objects of the last snapshot; null if the suspects'
 * bytes are not known
 * @param {number | null} [limitBytes] of the heap
 * @returns {{suspects: any[], fills: any[]}}
 */
function parted(all, heapBytes, limitBytes) {
  const suspects = [];
  const fills = [];
  for (const suspect of all.map(withCause)) {
    if (suspect.cache?.max === null) {
      suspects.push(unbounded(suspect));
      continue;
    }
    if (suspect.cache === undefined || heapBytes === null || !(suspect.retained?.length > 0)) {
      suspects.push(suspect);
      continue;
    }
    const cache = atBound(suspect);
    const others = heapBytes - suspect.retained.at(-1);
    const room = Math.max(0, (limitBytes ?? UNKNOWN_LIMIT) * ROOM - others);
    const known = { ...suspect, cache };
    if (isBySize(suspect) && cache.entries >= cache.max) suspects.push({ ...known, advice: fullAdvice(cache) });
    else if (cache.bytesAtMax <= room) fills.push({ ...known, advice: null });
    else
      suspects.push({
        ...known,
        advice: `give it a lower bound: ${count(cache.max)} entries take ${bytes(cache.bytesAtMax)}, and ${count(fittingBound(room - cache.reserved, cache.bytesPerEntry))} fit`,
      });
  }
  return { suspects, fills };
}

/** What some suspects grew by; what they retain in one snapshot. @param {any[]} list */
const sum = (list) => list.reduce((total, { bytes: own }) => total + Math.max(own ?? 0, 0), 0);

/**
 * Whether caches that fill explain most of the growth. One snapshot shows sizes, so it is the growth of the verdict
 * that the cache has to have room for, and nothing else that is suspected.
 */
function isMost({ channel, bytesPerMinute, spanMs }, { suspects, fills }) {
  const [own, others] = [sum(fills), sum(suspects)];
  const isBySizes = fills.every(isBySize);
  if (isBySizes && channel === 'native') return false;
  const grown = isBySizes && bytesPerMinute > 0 && spanMs > 0 ? (bytesPerMinute * spanMs) / MINUTE : null;
  if (grown === null) return own >= MOST * (own + others);
  return own >= MOST * grown && others < MOST * grown;
}

/** The verdict where caches that fill are most of what grew, and nothing else is suspected of it. */
function takenBack(verdict, found) {
  const isAsked = verdict.state === 'leak' || verdict.state === 'suspect';
  if (!isAsked || found.fills.length === 0 || !isMost(verdict, found)) return verdict;
  const [fill] = found.fills;
  const { name, cache } = fill;
  const subject = isBySize(fill) ? 'one snapshot shows' : 'what grew is';
  return {
    ...verdict,
    state: 'filling',
    cache: { name, share: Math.min(1, cache.entries / cache.max) },
    explanation: `${subject} the cache \`${name}\`, which fills to its bound of ${count(cache.max)} entries: ${bytes(cache.bytesAtMax)}, which fit.`,
  };
}

module.exports = { parted, takenBack, fillsLine };
