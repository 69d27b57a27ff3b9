'use strict';
// Sockets of undici by host, of fetch and of any Agent, Pool or Client from npm: all tell of their
// requests and sockets on Node's diagnostics channels.

const dc = require('node:diagnostics_channel');
const { safely } = require('./contain.js');
const { reporting } = require('./patch.js');

const MAX_HOSTS = 256;
/** Calls of fetch whose requests have not been made yet. */
const MAX_FETCHES = 1024;

/** @type {Map<string, { sockets: Set<WeakRef<object>>, queued: number }>} */
const pools = new Map();
/**
 * Requests that have not ended. @type {WeakMap<object, { pool: object, socket: object | null, sample: object | null }>}
 */
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
 * Listens to the channels.
 * @param {object} sampling
 * @param {(request: object, key: string, site?: number) => object | null} sampling.started a request was made, by what
 * is on the stack or at `site`; returns its sample
 * @param {(sample: object | null, socket: object) => void} sampling.moved  the request got its socket
 * @returns {() => void} what ends it
 */
function trackUndici({ started, moved }) {
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
  const listeners = Object.entries(handlers).map(([channel, handler]) => [
    channel,
    (message) => safely(handler, message),
  ]);
  for (const [channel, listener] of listeners) dc.subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of listeners) dc.unsubscribe(channel, listener);
    pools.clear();
  };
}

function ended({ request }) {
  const state = open.get(request);
  if (state === undefined) return;
  open.delete(request);
  if (state.socket === null) state.pool.queued--;
  else running.set(state.socket, running.get(state.socket) - 1);
}

/** Puts the site of the caller into `fetches`. @type {(() => void) | null} */
let noteFetch = null;
const wrapping = reporting((_self, [input]) => {
  if (makesRequest(input)) noteFetch?.();
});

/**
 * Keeps the sites of calls of fetch, whose requests are made in a later microtask.
 * @param {(waiting: number) => number} siteOfCaller  0 unless the next request but `waiting` is to be sampled
 * @returns {() => void} what ends it
 */
function trackFetch(siteOfCaller) {
  if (globalThis.fetch === undefined) return () => {};
  const stop = wrapping.start([[globalThis, 'fetch']]);
  noteFetch = () => {
    if (fetches.length < MAX_FETCHES) fetches.push(siteOfCaller(fetches.length));
  };
  return () => {
    stop();
    noteFetch = null;
    fetches = [];
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

module.exports = { trackUndici, trackFetch, undiciPools, forgetFetches, isQueued };
