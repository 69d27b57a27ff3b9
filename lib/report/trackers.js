'use strict';
// Tracked objects, as rows of the report: the largest of each kind.

const { fromLabel } = require('../track/sites.js');
const { PLAIN } = require('./shown.js');

const ROWS = 20;

const listeners = (sources, shown) =>
  sources.flatMap((source) =>
    source.events.map(({ event, count, growth, sites }) => ({
      kind: 'listeners',
      name: shown.label(`${source.name ?? source.kind}: ${String(event)}`),
      count,
      growth: growth.net,
      sites: sites.map((each) => site(each, shown)),
    })),
  );

function site(each, shown) {
  const { function: name, file, line, column } = shown.frame(each);
  return { function: name, file, line, column, share: each.share ?? null, count: each.count };
}

/** Rows that are sites themselves. */
const bySite = (kind, rows, nameOf, shown) =>
  rows.map((row) => ({ kind, name: nameOf(row), count: row.count, growth: row.growth.net, sites: [site(row, shown)] }));

/**
 * @param {import('../..').Tracked} tracked
 * @param {import('./shown.js').Shown} [shown] what is shown of names
 */
function reportTrackers({ emitters, eventTargets, timers, promises, resources }, shown = PLAIN) {
  const rows = [
    ...listeners([...emitters, ...eventTargets], shown),
    ...bySite(
      'timers',
      timers?.sites ?? [],
      (row) => `${row.kind}${row.delay === null ? '' : ` of ${row.delay} ms`}`,
      shown,
    ),
    ...bySite('promises', promises?.sites ?? [], (row) => `pending, ${shown.function(row.kind)}`, shown),
    ...(resources?.agents ?? []).map(({ agent, host, free, inUse, growth, sites }) => ({
      kind: 'sockets',
      name: shown.label(`${agent} ${host}`),
      count: free + inUse,
      growth: growth.net,
      sites: sites.map((each) => site(each, shown)),
    })),
    ...bySite('streams', resources?.streams ?? [], (row) => shown.name(row.kind), shown),
  ];
  return rows
    .filter((row) => row.count > 0)
    .toSorted((a, b) => b.count - a.count)
    .slice(0, ROWS);
}

/**
 * The rows that JS published last, with the native side's counts of listeners, which are current while the
 * event loop is blocked.
 *
 * @param {any[]} rows @param {any[] | null} counts  of all threads @param {number} threadId
 */
function refreshed(rows, counts, threadId) {
  const fresh = (counts ?? []).filter((count) => count.kind === 'listeners' && count.threadId === threadId);
  const countOf = (row) => {
    const [same, ...others] = row.kind === 'listeners' ? fresh.filter(({ name }) => name === row.name) : [];
    // Two emitters with one name cannot be distinguished.
    return same === undefined || others.length > 0 ? row.count : same.count;
  };
  const names = new Set(rows.map(({ name }) => name));
  const unseen = fresh.filter(({ name, count }) => count > 0 && !names.has(name));
  return [...rows.map((row) => ({ ...row, count: countOf(row) })), ...unseen.map(rowOf)]
    .toSorted((a, b) => b.count - a.count)
    .slice(0, ROWS);
}

function rowOf({ kind, name, site: label, count }) {
  const frame = fromLabel(label);
  return { kind, name, count, growth: null, sites: frame === null ? [] : [{ ...frame, share: null, count }] };
}

module.exports = { reportTrackers, refreshed, ROWS };
