'use strict';
// Writes small snapshots to fuzz/corpus/snapshot: each the neighbourhood of one node in a real one.
//   node fuzz/seed.js [SNAPSHOT]        without one: of this process, so that each version of Node gives its own
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');

const NODES = 40;
const SEEDS = 200;
/** An entry of a WeakMap says in its edge's name whose it is, in about a hundred characters. */
const TEXT = 200;

// Those of Node itself have hardly an entry.
globalThis.keys = Array.from({ length: 8 }, (_, n) => ({ n }));
globalThis.byKey = new WeakMap(globalThis.keys.map((key) => [key, { key }]));

const [given] = process.argv.slice(2);
const file = given ?? v8.writeHeapSnapshot(path.join(os.tmpdir(), `plimsoll-seed-${process.pid}.heapsnapshot`));
const { snapshot, nodes, edges, locations, strings } = JSON.parse(fs.readFileSync(file, 'utf8'));
if (given === undefined) fs.rmSync(file);

const { node_fields: fields, edge_fields: edgeFields, edge_types: [edgeTypes] } = snapshot.meta;
const [nameAt, countAt] = ['name', 'edge_count'].map((field) => fields.indexOf(field));
const first = [0];
for (let at = countAt; at < nodes.length; at += fields.length) first.push(first.at(-1) + nodes[at]);

/** The root and the nodes that a breadth-first walk from `start` meets, not through the root, as a snapshot of its own. */
function neighbourhood(start) {
  const kept = new Map([[0, 0], [start, 1]]);
  for (const node of kept.keys()) {
    if (node === 0) continue;
    for (let edge = first[node]; edge < first[node + 1] && kept.size < NODES; edge++) {
      const to = edges[edge * 3 + 2] / fields.length;
      if (!kept.has(to)) kept.set(to, kept.size);
    }
  }
  const texts = new Map();
  const text = (index) => texts.get(index) ?? (texts.set(index, texts.size), texts.size - 1);
  const small = { nodes: [], edges: [], locations: [] };
  for (const [node, ordinal] of kept) {
    const record = nodes.slice(node * fields.length, (node + 1) * fields.length);
    record[nameAt] = text(record[nameAt]);
    record[countAt] = 0;
    const add = (type, name, to) => {
      const named = !['element', 'hidden'].includes(edgeTypes[type]);
      small.edges.push(type, named ? text(name) : name, to * fields.length);
      record[countAt]++;
    };
    if (ordinal === 0) add(edgeTypes.indexOf('shortcut'), nodes[nameAt], 1);
    for (let edge = first[node]; edge < first[node + 1]; edge++) {
      const [type, name, to] = edges.slice(edge * 3, edge * 3 + 3);
      const target = kept.get(to / fields.length);
      if (target !== undefined) add(type, name, target);
    }
    small.nodes.push(...record);
  }
  for (let at = 0; at < locations.length; at += 4) {
    const ordinal = kept.get(locations[at] / fields.length);
    if (ordinal !== undefined) small.locations.push(ordinal * fields.length, ...locations.slice(at + 1, at + 4));
  }
  const counts = { node_count: kept.size, edge_count: small.edges.length / edgeFields.length };
  return { snapshot: { ...snapshot, ...counts }, ...small, strings: [...texts.keys()].map((index) => strings[index].slice(0, TEXT)) };
}

const dir = path.join(__dirname, 'corpus/snapshot');
fs.mkdirSync(dir, { recursive: true });
const total = nodes.length / fields.length;
const source = given === undefined ? `node-${process.versions.node.split('.')[0]}` : path.parse(given).name;
const anywhere = Array.from({ length: SEEDS }, (_, seed) => 1 + Math.floor((seed * (total - 1)) / SEEDS));
const weakMaps = Array.from({ length: total }, (_, node) => node).filter((node) => strings[nodes[node * fields.length + nameAt]] === 'WeakMap');
for (const [seed, start] of [...anywhere, ...weakMaps].entries()) {
  fs.writeFileSync(path.join(dir, `${source}-${seed}`), JSON.stringify(neighbourhood(start)));
}
