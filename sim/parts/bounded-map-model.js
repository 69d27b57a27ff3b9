'use strict';
// The plain model of a BoundedMap: what docs/caches.md says, in a Map, with lists searched from end to end.
// The adaptive policy's choice of victims is followed; that of 'lru' is foretold.

const assert = require('node:assert/strict');

class Model {
  /** Key -> { id, bytes, end, at }, in insertion order; `at` counts the insertions. */
  entries = new Map();
  /** Keys, the least recently used first. */
  order = [];
  inserted = 0;
  counts = { hits: 0, misses: 0, evictions: 0, expirations: 0 };
  /** Reports of the operation under way: [id, key, reason]. */
  gone = [];
  /** Keys that the adaptive policy chose in this operation. */
  chosen = [];

  constructor({ max, maxBytes, ttl, policy }) {
    Object.assign(this, { max: max ?? Infinity, maxBytes: maxBytes ?? Infinity, ttl: ttl ?? Infinity, policy });
  }

  get bytes() {
    let sum = 0;
    for (const { bytes } of this.entries.values()) sum += bytes;
    return sum;
  }

  use(key) {
    this.forget(key);
    this.order.push(key);
  }

  forget(key) {
    const at = this.order.findIndex((other) => Object.is(other, key));
    if (at !== -1) this.order.splice(at, 1);
  }

  remove(key, reason) {
    this.gone.push([this.entries.get(key).id, key, reason]);
    this.entries.delete(key);
    this.forget(key);
    if (reason === 'evict') this.counts.evictions++;
    if (reason === 'expire') this.counts.expirations++;
  }

  evict() {
    const key = this.policy === 'lru' ? this.order[0] : this.chosen.shift();
    assert.ok(this.entries.has(key), 'an entry was evicted though there was room, or one that is not there');
    this.remove(key, 'evict');
  }

  purge(now) {
    const due = [...this.entries].filter(([, { end }]) => end <= now);
    for (const [key] of due) this.remove(key, 'expire');
    return due.length;
  }

  /** The live entry; one that has ended goes. */
  live(key, now) {
    const entry = this.entries.get(key);
    if (entry !== undefined && entry.end <= now) this.remove(key, 'expire');
    return this.entries.get(key);
  }

  get(key, now) {
    const entry = this.live(key, now);
    this.counts[entry === undefined ? 'misses' : 'hits']++;
    if (entry !== undefined) this.use(key);
    return entry?.id;
  }

  /** As `get`, but an entry that has ended stays until the new one comes. */
  look(key, now) {
    const entry = this.entries.get(key);
    const isLive = entry !== undefined && entry.end > now;
    this.counts[isLive ? 'hits' : 'misses']++;
    if (isLive) this.use(key);
    return isLive ? entry.id : undefined;
  }

  has(key, now) {
    return this.live(key, now) !== undefined;
  }

  peek(key, now) {
    const entry = this.entries.get(key);
    return entry === undefined || entry.end <= now ? undefined : entry.id;
  }

  set(key, { id }, bytes, ttl, now) {
    const entry = this.live(key, now);
    if (entry !== undefined && entry.id !== id) this.gone.push([entry.id, key, 'set']);
    if (bytes > this.maxBytes) {
      this.entries.delete(key);
      this.forget(key);
      this.gone.push([id, key, 'evict']);
      this.counts.evictions++;
      return;
    }
    if (entry !== undefined) entry.bytes = 0;
    this.use(key);
    const lacksRoom = () =>
      this.bytes + bytes > this.maxBytes || (entry === undefined && this.entries.size >= this.max);
    if (lacksRoom()) this.purge(now);
    while (lacksRoom()) this.evict();
    const fields = { id, bytes, end: now + ttl };
    if (entry === undefined) this.entries.set(key, { ...fields, at: ++this.inserted });
    else Object.assign(entry, fields);
  }

  delete(key, now) {
    const isLive = this.live(key, now) !== undefined;
    if (isLive) this.remove(key, 'delete');
    return isLive;
  }

  clear() {
    for (const key of this.entries.keys()) this.remove(key, 'clear');
  }

  resize(max, now) {
    this.max = max;
    if (this.entries.size > max) this.purge(now);
    while (this.entries.size > max) this.evict();
  }

  /** The keys that are shown at `now`. */
  shown(now) {
    return [...this.entries].filter(([, { end }]) => end > now);
  }

  /** The first entry after the `at`-th insertion that is shown at `now`. */
  after(at, now) {
    return this.shown(now).find(([, entry]) => entry.at > at);
  }
}

module.exports = { Model };
