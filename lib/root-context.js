'use strict';
// Runs code of ours outside of the async context of the request that happens to cause it. A timer started in a request
// keeps the request's AsyncLocalStorage stores and its domain for as long as the timer exists, and runs its callback in
// them.

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');

/** The own keys of an AsyncResource that are not the context in which it was made. */
const IDENTITY = new Set(['Symbol(async_id_symbol)', 'Symbol(trigger_async_id_symbol)']);

/** What runs a function in the root context; null where that is impossible. @type {AsyncResource | null | undefined} */
let root;

/** Returns what `start()` returns, which runs in the root context: without stores, without a domain. */
function inRootContext(start) {
  if (root === undefined) root = withoutDomain(openRoot);
  return root === null ? start() : withoutDomain(() => /** @type {AsyncResource} */ (root).runInAsyncScope(start));
}

/**
 * The resource is made in whatever context comes first. It holds the stores by keys that Node does not document, so
 * where there are any, it is verified that they are gone: without that, timers keep the context of their request.
 */
function openRoot() {
  const resource = make();
  return !leave(resource) || verified() ? resource : null;
}

const make = () => new AsyncResource('PLIMSOLL', { triggerAsyncId: 0, requireManualDestroy: true });

/** Takes the context from a resource; returns whether there was any. */
function leave(resource) {
  const held = Reflect.ownKeys(resource).filter((key) => !IDENTITY.has(String(key)) && resource[key] !== undefined);
  for (const key of held) resource[key] = undefined;
  return held.length > 0;
}

function verified() {
  const probe = new AsyncLocalStorage();
  try {
    return probe.run(true, () => {
      const resource = make();
      leave(resource);
      return resource.runInAsyncScope(() => probe.getStore() === undefined);
    });
  } finally {
    probe.disable();
  }
}

/** The domain module enters `process.domain` in whatever is made while it is set, and `active` in emitters. */
function withoutDomain(run) {
  const holder = /** @type {{ domain?: unknown }} */ (process);
  const { domain } = holder;
  if (!domain) return run();
  /** Loaded already: it is what sets `process.domain`. */
  const domains = /** @type {{ active?: unknown }} */ (require('node:domain'));
  const { active } = domains;
  holder.domain = undefined;
  domains.active = undefined;
  try {
    return run();
  } finally {
    holder.domain = domain;
    domains.active = active;
  }
}

module.exports = { inRootContext };
