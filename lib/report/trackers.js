'use strict';
// What is tracked, as rows of the report: the largest of each kind.

const { fromLabel } = require('../track/sites.js');

const ROWS = 20;

const site = ({ function: name, file, line, column, share, count }) => ({ function: name, file, line, column, share: share ?? null, count });

const listeners = (sources) =>
  sources.flatMap((source) =>
    source.events.map(({ event, count, growth, sites }) => ({ kind: 'listeners', name: `${source.name ?? source.kind}: ${String(event)}`, count, growth: growth.net, sites: sites.map(site) })),
  );

/** Rows that are sites themselves. */
const bySite = (kind, rows, nameOf) => rows.map((row) => ({ kind, name: nameOf(row), count: row.count, growth: row.growth.net, sites: [site(row)] }));

/** @param {import('../..').Tracked} tracked */
function reportTrackers({ emitters, eventTargets, timers, promises, resources }) {
  const rows = [
    ...listeners([...emitters, ...eventTargets]),
    ...bySite('timers', timers?.sites ?? [], (row) => `${row.kind}${row.delay === null ? '' : ` of ${row.delay} ms`}`),
    ...bySite('promises', promises?.sites ?? [], (row) => `pending, ${row.kind}`),
    ...(resources?.agents ?? []).map(({ agent, host, free, inUse, growth, sites }) => ({ kind: 'sockets', name: `${agent} ${host}`, count: free + inUse, growth: growth.net, sites: sites.map(site) })),
    ...bySite('streams', resources?.streams ?? [], (row) => row.kind),
  ];
  return rows.filter((row) => row.count > 0).toSorted((a, b) => b.count - a.count).slice(0, ROWS);
}

/**
 * The rows as JS last told, with the listeners as the native side counts them: these go on while the
 * event loop is blocked.
 *
 * @param {any[]} rows @param {any[] | null} counts  of all threads @param {number} threadId
 */
function refreshed(rows, counts, threadId) {
  const fresh = (counts ?? []).filter((count) => count.kind === 'listeners' && count.threadId === threadId);
  const countOf = (row) => {
    const [same, ...others] = row.kind === 'listeners' ? fresh.filter(({ name }) => name === row.name) : [];
    // Two emitters of one name cannot be told apart.
    return same === undefined || others.length > 0 ? row.count : same.count;
  };
  const names = new Set(rows.map(({ name }) => name));
  const unseen = fresh.filter(({ name, count }) => count > 0 && !names.has(name));
  return [...rows.map((row) => ({ ...row, count: countOf(row) })), ...unseen.map(rowOf)].toSorted((a, b) => b.count - a.count).slice(0, ROWS);
}

function rowOf({ kind, name, site: label, count }) {
  const frame = fromLabel(label);
  return { kind, name, count, growth: null, sites: frame === null ? [] : [{ ...frame, share: null, count }] };
}

module.exports = { reportTrackers, refreshed, ROWS };
