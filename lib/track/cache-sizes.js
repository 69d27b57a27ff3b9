'use strict';
// How the caches grow, from their own counters: a cache whose bound is far away leaks as a Map does.

const { caches, liveCaches } = require('../cache/registry.js');
const { History } = require('./history.js');
const { SharedPatch } = require('./shared-patch.js');
const { mapToSource } = require('./sites.js');
const { onTick } = require('./tick.js');

/** More caches than this usually means one per request; their individual sizes carry no information. */
const MAX_CACHES = 1024;
/** A cache that reaches its bound sooner than this, at the pace that it has, is filling up. */
const FAR = 60;

/** @type {Map<number, History>} by cache id */
const histories = new Map();

const patch = new SharedPatch({
  caches() {
    const stop = onTick(observe);
    return () => {
      stop();
      histories.clear();
    };
  },
});

function observe(now) {
  const count = liveCaches();
  if (count === 0 || count > MAX_CACHES) {
    histories.clear();
    return;
  }
  const live = caches();
  const ids = new Set(live.map(({ id }) => id));
  for (const id of histories.keys()) if (!ids.has(id)) histories.delete(id);
  for (const { id, size, evictions, expirations } of live) {
    if (!histories.has(id)) histories.set(id, new History());
    // Entries that were deleted are not counted anywhere; what came is at least what is there and what went.
    histories.get(id).note(now, size, size + evictions + expirations);
  }
}

/** Minutes until the first of its bounds is reached; Infinity without one. */
function minutesToBound({ size, max, bytes, maxBytes }, perMinute) {
  const bytesPerMinute = size > 0 ? (perMinute * bytes) / size : 0;
  const byEntries = (max - size) / perMinute;
  return Number.isFinite(maxBytes) && bytesPerMinute > 0
    ? Math.min(byEntries, (maxBytes - bytes) / bytesPerMinute)
    : byEntries;
}

/** The caches that grow as a leak does, with their growth and the minutes until their bound. */
function growingCaches() {
  const growing = [];
  for (const cache of histories.size > 0 ? caches() : []) {
    const growth = histories.get(cache.id)?.leak() ?? null;
    if (growth === null) continue;
    const minutes = minutesToBound(cache, growth.perMinute);
    if (minutes < FAR) continue;
    const site = cache.site && { ...cache.site };
    if (site !== null) mapToSource(site);
    growing.push({ ...cache, site, growth, minutes });
  }
  return growing;
}

module.exports = { useCaches: () => patch.use(), growingCaches };
