'use strict';
// Loads part of plimsoll inside a request's context, starts its housekeeping there, and reports what remains of the request.

const { AsyncLocalStorage } = require('node:async_hooks');
const domain = require('node:domain');

const [what] = process.argv.slice(2);
const requests = new AsyncLocalStorage();
const heard = [];
let request = { user: 'alice' };
let scope = domain.create();
const held = { request: new WeakRef(request), scope: new WeakRef(scope) };
const kept = [];

const hear = () => heard.push(requests.getStore()?.user ?? null, process.domain ?? null);

const START = {
  timers() {
    const timers = require('../../lib/timers.js');
    kept.push(timers.setInterval(hear, 1), timers.setTimeout(hear, 1), timers.setImmediate(hear));
  },
  BoundedMap() {
    const { BoundedMap } = require('../../lib/cache/bounded-map.js');
    const map = new BoundedMap({ max: 10, ttl: 1, onEvict: hear });
    kept.push(map.set('key', 'value'));
  },
  LRUCache() {
    const { LRUCache } = require('../../lib/cache/lru-cache.js');
    const cache = new LRUCache({ max: 10, ttl: 1, ttlAutopurge: true, dispose: hear });
    kept.push(cache.set('key', 'value').set('later', 'value', { ttl: 1e9 }));
    cache.has('later');
  },
};

requests.run(request, () => scope.run(START[what]));
request = scope = undefined;
const alive = setInterval(() => {
  if (heard.length === 0) return;
  global.gc();
  const left = Object.keys(held).filter((name) => held[name].deref() !== undefined);
  if (left.length > 0 && process.uptime() < 15) return;
  clearInterval(alive);
  process.stdout.write(JSON.stringify({ heard: [...new Set(heard)], left, kept: kept.length > 0 }), () => process.exit());
}, 5);
