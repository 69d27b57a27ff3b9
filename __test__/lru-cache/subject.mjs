// What lru-cache's tests import as lru-cache.
import { createRequire } from 'node:module';
import { expose } from './expose.mjs';

const require = createRequire(import.meta.url);
export const control = process.env.LRU_CACHE_CONTROL !== '';
export const { LRUCache } = require(control ? 'lru-cache' : '../../index.js');
if (!control) Object.defineProperty(LRUCache, 'unsafeExposeInternals', { value: expose, configurable: true });
