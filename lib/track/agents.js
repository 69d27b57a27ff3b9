'use strict';
// Sockets in the agents of http and https, and of undici, by host: free, in use, queued. The agents are
// those that requests were made with; the site is that of the request.

const { inRootContext } = require('../root-context.js');
const { openRow, closeRow, setSite, COUNT, ADDED } = require('./counters.js');
const { History, NO_GROWTH } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { heaviest, rank } = require('./sites.js');
const { reporting } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');
const { onTick } = require('./tick.js');
const { trackUndici, captureCaller, undiciPools, isQueued } = require('./undici.js');

/** Loading it makes an agent, which would be bound to the domain of the request that happens to load it. */
const http = inRootContext(() => require('node:http'));
/**
 * Loaded when agents are tracked: with all of TLS and node:crypto it is most of what a plain service would load for us.
 */
const https = () => (tls ??= inRootContext(() => require('node:https')));
/** @type {typeof import('node:https') | undefined} */
let tls;

const MAX_AGENTS = 1024;
const MAX_HOSTS = 256;
/** @type {WeakSet<http.Agent>} */
const seen = new WeakSet();
/** @type {Set<WeakRef<http.Agent>>} */
const agents = new Set();
/** One in some requests, with its site; from the first second on, the socket that it got. */
const requests = new Reservoir(256);
/** The sample of the last sampled request that a socket was given to. @type {WeakMap<object, object>} */
const sampleOf = new WeakMap();
/** Requests by host, estimated from that sample. @type {Map<string, number>} */
const started = new Map();

/**
 * Sockets (free and in use) and queue of each host. @type {Map<string, { sockets: History, queued: History, row:
 * Float64Array }>}
 */
const histories = new Map();

/** A request counts while its socket is open and no other has it, or while it waits for one; a socket counts once. */
function isOpen(sample) {
  if (sample.replaced) return false;
  const target = sample.ref.deref();
  if (target === undefined) return false;
  if (sample.onSocket) return !target.destroyed;
  if (!(target instanceof http.ClientRequest)) return isQueued(target);
  if (target.socket) return moveTo(sample, target.socket);
  return !target.destroyed;
}

/** From when it has a socket on, a request's sample stands for that. */
function moveTo(sample, socket) {
  const former = sampleOf.get(socket);
  if (former !== undefined) former.replaced = true;
  sampleOf.set(socket, sample);
  sample.ref = new WeakRef(socket);
  sample.onSocket = true;
  return !socket.destroyed;
}

/** @returns {object | null} the request's sample, where it is one of those */
function noteRequest(request, keyOfIt, captureSite) {
  if (--requests.countdown > 0) return null;
  if (requests.sample(request, () => isOpen, keyOfIt, captureSite) === null) return null;
  const sample = requests.samples.at(-1);
  started.set(sample.info, (started.get(sample.info) ?? 0) + sample.weight);
  return sample;
}

function noteHttpRequest(agent, request, options) {
  if (!seen.has(agent)) addAgent(agent);
  noteRequest(request, () => keyOf(agent, agent.getName({ ...options, ...agent.options })));
}

const undiciSampling = {
  started: (request, key) => noteRequest(request, () => key, captureCaller),
  moved: (sample, socket) => sample !== null && moveTo(sample, socket),
};

/** An agent's name for a pool is 'host:port:localAddress...'; what follows tells TLS options, some of them secret. */
const hostOf = (name) => name.split(':', 2).join(':');
const kindOf = (agent) => (agent instanceof https().Agent ? 'https' : 'http');
const keyOf = (agent, name) => `${kindOf(agent)} ${hostOf(name)}`;

function addAgent(agent) {
  seen.add(agent);
  if (agents.size >= MAX_AGENTS) prune();
  if (agents.size < MAX_AGENTS) agents.add(new WeakRef(agent));
}

function prune() {
  for (const ref of agents) if (ref.deref() === undefined) agents.delete(ref);
}

const wrapping = reporting((agent, [request, options]) => noteHttpRequest(agent, request, options));

/**
 * Begins to look at requests: wraps `addRequest`, which takes each one to its agent while the caller
 * is still on the stack (Node's diagnostics channel tells of it later).
 * @returns {() => void} what ends it
 */
function trackAgents() {
  const globalAgents = [http.globalAgent, https().globalAgent];
  const stop = wrapping.start([[http.Agent.prototype, 'addRequest']]);
  globalAgents.forEach(addAgent);
  const stopTicking = ticking.use();
  return () => {
    stop();
    stopTicking();
  };
}

/** For the agents of http and those of undici. */
const ticking = new SharedPatch({
  tick() {
    const stop = onTick(tick);
    return () => {
      stop();
      for (const key of histories.keys()) forget(key);
      started.clear();
    };
  },
});

function listenToUndici() {
  const stop = trackUndici(undiciSampling);
  const stopTicking = ticking.use();
  return () => {
    stop();
    stopTicking();
  };
}

/** With more pools than this, the tick waits for so many more ticks: it looks at all of them. */
const POOLS = 1024;
let pools = 0;
let waited = 0;

function tick(now, bounded) {
  if (bounded && ++waited * POOLS < pools) return;
  waited = 0;
  prune();
  requests.tick(now);
  requests.prune(isOpen);
  const there = new Set();
  const weights = weightsByHost();
  const found = hosts();
  pools = found.length;
  for (const pool of found) {
    const key = `${pool.agent} ${pool.host}`;
    there.add(key);
    if (!histories.has(key)) {
      if (histories.size >= MAX_HOSTS) continue;
      histories.set(key, { sockets: new History(), queued: new History(), row: openRow('sockets', key) });
    }
    const { sockets, queued, row } = histories.get(key);
    const added = started.get(key) ?? 0;
    sockets.note(now, pool.free + pool.inUse, added);
    queued.note(now, pool.queued, added);
    row[COUNT] = pool.free + pool.inUse + pool.queued;
    row[ADDED] = added;
    setSite(row, heaviest(weights.get(key) ?? NO_WEIGHTS));
  }
  for (const key of histories.keys()) if (!there.has(key)) forget(key);
  for (const key of started.keys()) if (!there.has(key)) started.delete(key);
}

function forget(key) {
  closeRow(histories.get(key).row);
  histories.delete(key);
}

/** The weights of the sampled requests, by host and site. @returns {Map<string, Map<number, number>>} */
function weightsByHost() {
  const byHost = new Map();
  for (const { info: key, site, weight, replaced } of requests.samples) {
    if (replaced) continue;
    if (!byHost.has(key)) byHost.set(key, new Map());
    const weights = byHost.get(key);
    weights.set(site, (weights.get(site) ?? 0) + weight);
  }
  return byHost;
}

const NO_WEIGHTS = new Map();

/** An agent's lists by pool, and as what they count. */
const LISTS = { freeSockets: 'free', sockets: 'inUse', requests: 'queued' };

/** All pools, added up by kind of agent and host. */
function hosts() {
  const byHost = new Map();
  for (const ref of agents) {
    const agent = ref.deref();
    if (agent !== undefined) addPools(byHost, agent);
  }
  for (const { host, free, inUse, queued } of undiciPools()) {
    const sum = sumOf(byHost, 'undici', host);
    sum.agents++;
    sum.free += free;
    sum.inUse += inUse;
    sum.queued += queued;
  }
  return [...byHost.values()].toSorted((a, b) => b.free + b.inUse + b.queued - (a.free + a.inUse + a.queued));
}

function sumOf(byHost, kind, host) {
  const key = `${kind} ${host}`;
  let sum = byHost.get(key);
  if (sum === undefined) byHost.set(key, (sum = { agent: kind, host, agents: 0, free: 0, inUse: 0, queued: 0 }));
  return sum;
}

/** Adds one agent's pools; one that is in several of its lists is one pool. */
function addPools(byHost, agent) {
  const kind = kindOf(agent);
  const counted = new Set();
  for (const [list, as] of Object.entries(LISTS)) {
    for (const name of Object.keys(agent[list] ?? {})) {
      const sum = sumOf(byHost, kind, hostOf(name));
      sum[as] += agent[list][name]?.length ?? 0;
      if (!counted.has(name)) sum.agents++;
      counted.add(name);
    }
  }
}

/** Sockets from before tracking have no site: where all requests were sampled, no site is credited with them. */
function rankRequests(weights, total) {
  let sited = 0;
  for (const weight of weights.values()) sited += weight;
  return rank(weights, requests.whole ? Math.min(sited, total) : total, total);
}

/** The hosts with where their requests were made. */
function agentRows() {
  requests.prune(isOpen);
  const weights = weightsByHost();
  return hosts().map((pool) => {
    const key = `${pool.agent} ${pool.host}`;
    const total = pool.free + pool.inUse + pool.queued;
    return {
      ...pool,
      growth: histories.get(key)?.sockets.growth() ?? NO_GROWTH,
      sites: rankRequests(weights.get(key) ?? NO_WEIGHTS, total),
    };
  });
}

module.exports = {
  trackAgents,
  trackUndici: listenToUndici,
  agentRows,
  agentHistory: (row) => histories.get(`${row.agent} ${row.host}`),
};
