'use strict';
// Sockets of undici by host, of fetch and of any Agent, Pool or Client from npm: all tell of their
// requests and sockets on Node's diagnostics channels.

const dc = require('node:diagnostics_channel');
const { safely } = require('./contain.js');
const { likeness, replace } = require('./patch.js');

const MAX_HOSTS = 256;
/** Calls of fetch whose requests have not been made yet. */
const MAX_FETCHES = 1024;

/** @type {Map<string, { sockets: Set<WeakRef<object>>, queued: number }>} */
const pools = new Map();
/** Requests that have not ended. @type {WeakMap<object, { pool: object, socket: object | null, sample: object | null }>} */
const open = new WeakMap();
/** How many requests run on a socket. @type {WeakMap<object, number>} */
const running = new WeakMap();
/** The sites of these calls in their order; 0 where none was captured. @type {number[]} */
let fetches = [];

const hostOf = (origin) => String(origin).replace(/^\w+:\/\//, '');

function poolOf(host) {
  let pool = pools.get(host);
  if (pool === undefined && pools.size < MAX_HOSTS) pools.set(host, (pool = { sockets: new Set(), queued: 0 }));
  return pool;
}

function addSocket(host, socket) {
  if (running.has(socket)) return;
  running.set(socket, 0);
  poolOf(host)?.sockets.add(new WeakRef(socket));
}

/**
 * Listens to the channels, and has fetch tell its caller: its requests are made in a later microtask.
 * @param {object} sampling
 * @param {(request: object, key: string, site?: number) => object | null} sampling.started  a request was made, by whoever is on the stack or at `site`; returns its sample
 * @param {(sample: object | null, socket: object) => void} sampling.moved  the request got its socket
 * @param {(waiting: number) => number} sampling.siteOfCaller  0 unless the next request but `waiting` is to be sampled
 * @returns {() => void} what ends it
 */
function trackUndici({ started, moved, siteOfCaller }) {
  const handlers = {
    'undici:client:connected': ({ connectParams, socket }) => addSocket(connectParams.host, socket),
    'undici:request:create'({ request }) {
      const host = hostOf(request.origin);
      const pool = poolOf(host);
      if (pool === undefined) return;
      pool.queued++;
      open.set(request, { pool, socket: null, sample: started(request, `undici ${host}`, fetches.shift()) });
    },
    'undici:client:sendHeaders'({ request, socket }) {
      const state = open.get(request);
      if (state === undefined || state.socket !== null) return;
      addSocket(hostOf(request.origin), socket);
      state.pool.queued--;
      state.socket = socket;
      running.set(socket, running.get(socket) + 1);
      moved(state.sample, socket);
    },
    'undici:request:trailers': ended,
    'undici:request:error': ended,
  };
  const listeners = Object.entries(handlers).map(([channel, handler]) => [channel, (message) => safely(handler, message)]);
  for (const [channel, listener] of listeners) dc.subscribe(channel, listener);
  const restoreFetch = wrapFetch(siteOfCaller);
  return () => {
    for (const [channel, listener] of listeners) dc.unsubscribe(channel, listener);
    restoreFetch();
    pools.clear();
    fetches = [];
  };
}

function ended({ request }) {
  const state = open.get(request);
  if (state === undefined) return;
  open.delete(request);
  if (state.socket === null) state.pool.queued--;
  else running.set(state.socket, running.get(state.socket) - 1);
}

function wrapFetch(siteOfCaller) {
  const original = Object.getOwnPropertyDescriptor(globalThis, 'fetch')?.value;
  if (typeof original !== 'function') return () => {};
  const note = () => {
    if (fetches.length < MAX_FETCHES) fetches.push(siteOfCaller(fetches.length));
  };
  let on = true;
  const wrapped = likeness(function (...args) {
    if (on && makesRequest(args[0])) safely(note);
    return Reflect.apply(original, this, args);
  }, original);
  const restore = replace(globalThis, 'fetch', wrapped);
  return () => {
    on = false;
    restore();
  };
}

/** `data:` and `blob:` go nowhere. */
const makesRequest = (input) => /^https?:/i.test(typeof input === 'string' ? input : (input?.url ?? input?.href ?? ''));

/** Whether a request waits for a socket. */
const isQueued = (request) => open.get(request)?.socket === null;

/** A tick: what fetch has promised since the last one and not made, it will not make. */
function forgetFetches() {
  fetches = [];
}

/** @returns {{ host: string, free: number, inUse: number, queued: number }[]} */
function undiciPools() {
  const rows = [];
  for (const [host, { sockets, queued }] of pools) {
    let inUse = 0;
    for (const ref of sockets) {
      const socket = ref.deref();
      if (socket === undefined || socket.destroyed) sockets.delete(ref);
      else if (running.get(socket) > 0) inUse++;
    }
    if (sockets.size === 0 && queued === 0) pools.delete(host);
    else rows.push({ host, free: sockets.size - inUse, inUse, queued });
  }
  return rows;
}

module.exports = { trackUndici, undiciPools, forgetFetches, isQueued };
