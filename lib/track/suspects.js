'use strict';
// What the trackers hold for a leak, in the shape of the report's suspects: without any snapshot.
//
// A count is suspected when its floor rises throughout the window, at no slackening pace, against
// whatever is removed (history.js); so many listeners that came at the start are none, nor is a crowd
// that comes and goes.

const { emitterSources } = require('./emitters.js');
const { targetSources, ANY_OF } = require('./event-targets.js');
const { LEAST } = require('./history.js');
const { ANY } = require('./sources.js');
const { timerEntries } = require('./timers.js');
const { promiseEntries } = require('./promises.js');
const { agentRows, agentHistory } = require('./agents.js');
const { growingCaches } = require('./cache-sizes.js');
const { streamEntries } = require('./streams.js');
const { observe } = require('./tick.js');

/** A timeout of an hour or more outlives any request; a shorter one must outlive what was observed. */
const LONG_TIMEOUT = 3_600_000;
const MAX_SUSPECTS = 20;

/**
 * @param {object} [options]
 * @param {number} [options.now]  ms, as monotonicNow()
 * @param {boolean} [options.bounded]  whether to look at a bounded part of what is tracked, in turn
 * @returns {object[]} the likeliest first
 */
function suspects({ now, bounded = false } = {}) {
  observe(now, bounded);
  // Where one line makes several things that stay, the one that says most comes first here.
  const found = [
    ...socketSuspects(),
    ...streamSuspects(),
    ...timerSuspects(),
    ...listenerSuspects(emitterSources),
    ...listenerSuspects(targetSources),
    ...promiseSuspects(),
    ...cacheSuspects(),
  ];
  const byPlace = new Map();
  for (const each of found) {
    const place = each.file === null ? each : `${each.file}:${each.line}`;
    if (!byPlace.has(place)) byPlace.set(place, each);
  }
  const all = [...byPlace.values()].toSorted((a, b) => b.tracked.net - a.tracked.net);
  // Promises that Node itself made wait for something: where it is known, they say no more.
  const named = all.filter(({ cause, file }) => cause !== 'promises' || file !== null);
  return (named.length > 0 ? named : all).slice(0, MAX_SUSPECTS);
}

function suspect({ cause, name, count, growth, sites, path, advice }) {
  const [{ file, line, column } = { file: null, line: null, column: null }] = sites;
  const { net, added, removed, perMinute, since } = growth;
  const tracked = { count, net, added, removed, perMinute, sinceMs: since };
  return {
    cause,
    name,
    file,
    line,
    column,
    count: net,
    bytes: null,
    bytesPerMinute: null,
    path,
    sites,
    advice,
    tracked,
  };
}

/** The same listener leaking on many emitters (a socket each) is one suspect. */
function listenerSuspects(sources) {
  const groups = new Map();
  for (const source of sources) {
    for (const record of source.events.values()) {
      if (record.lastCount < LEAST) continue;
      const growth = record.history.leak();
      if (growth === null) continue;
      const sites = record.grownSites(growth);
      const key =
        source.name === null ? `${source.kind} ${String(record.event)} ${sites[0]?.file}:${sites[0]?.line}` : source;
      const found = { source, record, sites, count: record.count(), growth, emitters: 1 };
      const group = groups.get(key)?.get(record.event);
      if (group === undefined) {
        if (!groups.has(key)) groups.set(key, new Map());
        groups.get(key).set(record.event, found);
      } else {
        group.emitters++;
        group.count += found.count;
        group.growth = addGrowth(group.growth, found.growth);
      }
    }
  }
  return [...groups.values()].flatMap((group) => [...group.values()].map(listenerSuspect));
}

function listenerSuspect({ source, record, sites, count, growth, emitters }) {
  const event = record.event === ANY ? '(any event)' : String(record.event);
  const one = source.name === null ? source.kind : `${source.kind} ${source.name}`;
  const on = emitters === 1 ? one : `${emitters} of ${source.kind}`;
  return suspect({
    cause: 'listeners',
    name: event,
    count,
    growth,
    sites,
    path: [on, event, 'listeners'],
    advice: listenerAdvice(source, record.event, event),
  });
}

function listenerAdvice(source, event, name) {
  if (event === ANY_OF) {
    return 'remove the abort listener of each AbortSignal.any() when its work is done, or abort the signal: it stays while it has a listener';
  }
  if (source.kind === 'AbortSignal')
    return "removeEventListener('abort', ...) when the work is done, or use events.addAbortListener and dispose it";
  if (event === ANY)
    return 'remove the listeners of an event name when its use ends, or use one event and a Map of waiters: each use adds a name of its own';
  return `off(${JSON.stringify(name)}, listener) when its owner ends, add the listener once outside the request, or use once()`;
}

function addGrowth(a, b) {
  return {
    perMinute: a.perMinute + b.perMinute,
    since: Math.min(a.since, b.since),
    net: a.net + b.net,
    added: a.added + b.added,
    removed: a.removed + b.removed,
  };
}

const siteOf = ({ function: name, file, line, column, caller, count }) => ({
  function: name,
  file,
  line,
  column,
  ...(caller && { caller }),
  count,
  share: 1,
});

function timerSuspects() {
  return timerEntries()
    .filter(({ row, leak }) => leak !== null && outlives(row, leak))
    .map(({ row, leak }) => {
      const what = row.kind === 'interval' ? 'setInterval' : 'setTimeout';
      return suspect({
        cause: 'timers',
        name: row.callback ?? row.function ?? what,
        count: row.count,
        growth: leak,
        sites: [siteOf(row)],
        // What keeps a timer, and all that its callback closes over, is Node's list, until it ends.
        path: [
          'active timers of Node',
          `${what}, ${row.delay} ms${row.refed === 0 ? ', unref' : ''}`,
          row.callback ?? '(anonymous)',
        ],
        advice:
          row.kind === 'interval'
            ? 'call clearInterval(...) when the owner of the interval ends, or share one interval'
            : 'call clearTimeout(...) when the timer is no longer needed; a shorter delay, or one timer for all, limits their number',
      });
    });
}

/** Timeouts end by themselves: they leak while they come faster than they end. */
function outlives(row, leak) {
  if (row.kind === 'interval') return true;
  return row.delay >= LONG_TIMEOUT || row.removed === 0 || leak.net >= 0.5 * leak.added;
}

/**
 * An async function or a `then` that waits for a promise which waits for ever is as pending as that
 * one: where there is a site of `new Promise`, it is the cause and the others are not named.
 */
function promiseSuspects() {
  const found = promiseEntries().filter(({ row, leak }) => row.held && leak !== null);
  const executors = found.filter(({ row }) => row.kind === 'executor');
  return (executors.length > 0 ? executors : found).map(({ row, leak }) =>
    suspect({
      cause: 'promises',
      name: row.function ?? 'Promise',
      count: row.count,
      growth: leak,
      sites: [siteOf(row)],
      path: ['pending promises', row.function ?? '(anonymous)'],
      advice: 'settle it on every way out: on error, on close, after a time limit (AbortSignal.timeout)',
    }),
  );
}

function socketSuspects() {
  const found = [];
  for (const row of agentRows()) {
    const history = agentHistory(row);
    const growth = history?.queued.leak() ?? history?.sockets.leak() ?? null;
    if (growth === null) continue;
    found.push(
      suspect({
        cause: 'sockets',
        name: row.host,
        count: row.free + row.inUse + row.queued,
        growth,
        sites: row.sites,
        path: [
          `${row.agent} agent${row.agents > 1 ? `s (${row.agents})` : ''}`,
          row.host,
          `${row.free} free, ${row.inUse} in use, ${row.queued} queued`,
        ],
        advice: socketAdvice(row),
      }),
    );
  }
  return found;
}

function socketAdvice({ agents, free, inUse, queued }) {
  if (agents > 2) return 'create one Agent and share it: each one keeps its own sockets open';
  if (queued > inUse)
    return 'requests wait for a socket: consume each response (response.resume()) or raise maxSockets';
  if (inUse >= free)
    return 'consume or destroy each response (response.resume(), body.cancel()), or its socket stays in use; bound them with maxSockets and a timeout';
  return 'bound what the agent keeps: maxSockets, maxFreeSockets, timeout';
}

function streamSuspects() {
  return streamEntries()
    .filter(({ leak }) => leak !== null)
    .map(({ row, leak }) =>
      suspect({
        cause: 'streams',
        name: row.function ?? row.kind,
        count: row.count,
        growth: leak,
        sites: [siteOf(row)],
        path: [
          row.kind,
          `${row.buffered} bytes buffered`,
          row.abandoned > 0.5 ? 'its consumer is gone' : 'its consumer does not read',
        ],
        advice:
          'destroy() a stream that is no longer read; stream.pipeline() destroys both ends after an error, pipe() leaves the source open',
      }),
    );
}

/** A bound that is far away bounds nothing. */
function cacheSuspects() {
  return growingCaches().map(({ name, size, max, bytes, site, growth, minutes }) =>
    suspect({
      cause: 'map',
      name,
      count: size,
      growth,
      sites: site === null ? [] : [{ ...site, count: growth.net, share: 1 }],
      path: [
        'caches',
        name,
        `${size} of ${Number.isFinite(max) ? max : 'any number of'} entries${bytes > 0 ? `, ${bytes} bytes` : ''}`,
      ],
      advice: Number.isFinite(minutes)
        ? `lower max, or set a ttl that fits the use: at this pace the cache reaches its bound in ${Math.round(minutes / 60)} h`
        : 'set max, or a ttl that fits the use: the cache has no bound on its entries',
    }),
  );
}

module.exports = { suspects };
