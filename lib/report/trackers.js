'use strict';
// What is tracked, as rows of the report: the largest of each kind.

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

module.exports = { reportTrackers };
