'use strict';
// Loads the trackers in a context (a store of AsyncLocalStorage, a domain) and does `what` there. Prints whether the context
// is kept afterwards, and in which context their timer runs.
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter } = require('node:events');

const [context, what] = process.argv.slice(2);
const storage = new AsyncLocalStorage();
/** Keeps nothing of the request by itself. */
const kept = [];
const ticks = [];

// A tick each millisecond.
const { setInterval } = globalThis;
globalThis.setInterval = (callback) =>
  setInterval(() => {
    ticks.push(storage.getStore() === undefined && !process.domain ? 'none' : 'of the request');
    callback();
  }, 1);

function use() {
  const plimsoll = require('../../..');
  if (what === 'load') return plimsoll.tracked;
  if (what === 'trackAll') return kept.push(plimsoll.trackAll());
  if (what === 'stop') return plimsoll.trackAll().stop();
  const Emitter = what === 'TrackedEventEmitter' ? plimsoll.TrackedEventEmitter : EventEmitter;
  const emitter = new Emitter();
  // A domain is a property of the emitters that are made in it.
  Object.defineProperty(emitter, 'domain', { value: null });
  kept.push(emitter);
  if (what === 'trackEmitter') kept.push(plimsoll.trackEmitter(emitter, { name: 'kept' }));
  return emitter.on('x', listens);
}

function listens() {}

function inContext() {
  if (context === 'store') {
    const store = {};
    storage.run(store, use);
    return new WeakRef(store);
  }
  const domain = require('node:domain').create();
  domain.run(use);
  return new WeakRef(domain);
}

async function main() {
  const ref = inContext();
  for (let i = 0; i < 20; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  if (!['load', 'stop'].includes(what)) while (ticks.length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
  globalThis.gc();
  process.stdout.write(JSON.stringify({ kept: ref.deref() !== undefined, ticks }), () => process.exit());
}

main();
