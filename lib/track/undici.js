'use strict';
// Sockets of undici by host, of fetch and of any Agent, Pool or Client from npm: all tell of their
// requests and sockets on Node's diagnostics channels.

const dc = require('node:diagnostics_channel');
const { safely } = require('./contain.js');
const { capture } = require('./sites.js');

const MAX_HOSTS = 256;
/** From a request to the call of fetch that makes it, Node 20 has 26 frames; interceptors add theirs. */
const FRAMES = 64;

/** @type {Map<string, { sockets: Set<WeakRef<object>>, queued: number }>} */
const pools = new Map();
/**
 * Requests that have not ended. @type {WeakMap<object, { pool: object, socket: object | null, sample: object | null }>}
 */
const open = new WeakMap();
/** How many requests run on a socket. @type {WeakMap<object, number>} */
const running = new WeakMap();

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
 * @param {(request: object, key: string) => object | null} sampling.started  a request was made; returns its sample
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
      open.set(request, { pool, socket: null, sample: started(request, `undici ${host}`) });
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

/**
 * The site of the request that is being made. Undici makes it before the call returns that asks for it, so the site is
 * on the stack. A request that waited in a full pool is made when another makes room, and one that follows a redirect
 * when the answer comes: these have no site.
 */
const captureCaller = () => capture(FRAMES, isDrain);

const UNDICI = /^node:internal\/deps\/undici\/|[\\/]node_modules[\\/]undici[\\/]/;
/** Whether a frame is of a pool that has room again and makes the requests that waited. What is below it made room. */
function isDrain(frame) {
  const name = frame.getFunctionName();
  return name !== null && /^\[?(?:emit|on)Drain\]?$/.test(name) && UNDICI.test(frame.getFileName() ?? '');
}

/** Whether a request waits for a socket. */
const isQueued = (request) => open.get(request)?.socket === null;

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

module.exports = { trackUndici, captureCaller, undiciPools, isQueued };
