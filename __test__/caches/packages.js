'use strict';
// How each package makes a cache: with a bound, with one that is far beyond any limit, and without one.

/**
 * @typedef {object} Made
 * @property {string} package
 * @property {string} name  what `require` is assigned to
 * @property {(max: string) => string} bounded
 * @property {string} [unbounded]  if the package allows it
 * @property {string} [option]  of the bound, as the advice names it
 * @property {number} [generations]  how many times the bound it holds at most
 * @property {boolean} [isModule]  whether it has to be imported
 * @property {boolean} [reserves]  whether it allocates the whole room at once
 */

/** @type {Made[]} */
const PACKAGES = [
  {
    package: 'lru-cache-6',
    name: 'LRU',
    bounded: (max) => `new LRU({ max: ${max} })`,
    unbounded: 'new LRU({ maxAge: 3_600_000 })',
  },
  ...['lru-cache-7', 'lru-cache-8'].map((each) => ({
    package: each,
    name: 'LRU',
    bounded: (max) => `new LRU({ max: ${max} })`,
    unbounded: 'new LRU({ ttl: 3_600_000, ttlAutopurge: true })',
    reserves: true,
  })),
  ...['lru-cache-9', 'lru-cache-10', 'lru-cache'].map((each) => ({
    package: each,
    name: '{ LRUCache }',
    bounded: (max) => `new LRUCache({ max: ${max} })`,
    unbounded: 'new LRUCache({ ttl: 3_600_000, ttlAutopurge: true })',
    reserves: true,
  })),
  {
    package: 'quick-lru',
    name: 'QuickLRU',
    bounded: (max) => `new QuickLRU({ maxSize: ${max} })`,
    generations: 2,
  },
  {
    package: 'quick-lru-7',
    name: 'QuickLRU',
    bounded: (max) => `new QuickLRU({ maxSize: ${max} })`,
    generations: 2,
    isModule: true,
  },
  {
    package: 'tiny-lru',
    name: '{ lru }',
    bounded: (max) => `lru(${max})`,
  },
  { package: 'flru', name: 'flru', bounded: (max) => `flru(${max})`, generations: 2 },
  ...['lru-cache', 'lru-map', 'lru-cache-with-delete'].map((each) => ({
    package: `mnemonist/${each}`,
    name: 'LRU',
    bounded: (max) => `new LRU(${max})`,
    reserves: true,
  })),
  {
    package: '@isaacs/ttlcache',
    name: 'TTLCache',
    bounded: (max) => `new TTLCache({ max: ${max}, ttl: 3_600_000 })`,
    unbounded: 'new TTLCache({ ttl: 3_600_000 })',
  },
  {
    package: 'node-cache',
    name: 'NodeCache',
    bounded: (max) => `new NodeCache({ useClones: false, maxKeys: ${max} })`,
    unbounded: 'new NodeCache({ useClones: false, stdTTL: 3600 })',
    option: 'maxKeys',
  },
  {
    package: 'cacheable',
    name: '{ CacheableMemory }',
    bounded: (max) => `new CacheableMemory({ useClone: false, lruSize: ${max} })`,
    unbounded: "new CacheableMemory({ useClone: false, ttl: '1h' })",
    option: 'lruSize',
  },
];

module.exports = { PACKAGES };
