'use strict';
// Compares V8's snapshot of a heap with the one that a heap image of the same heap stands for.

const { dominators } = require('./dominators.js');
const { load, loadImage } = require('./load.js');

/** Objects as JavaScript sees them. The other types are V8's own: arrays, maps, code. */
const OF_PROGRAM = new Set([
  'object',
  'closure',
  'regexp',
  'string',
  'concatenated string',
  'sliced string',
  'symbol',
  'bigint',
  'number',
]);
const LEFT_OUT = new Set(['native', 'synthetic']);
const LARGEST = 1000;
/** How far two retained sizes of one object may differ. */
const RETAINED = 0.01;
/** Differences that are printed of a table. */
const SHOWN = 10;

/** Ids of nodes are of the file. */
const withoutIds = (name) => (name.includes('@') ? name.replace(/^\d+ \/ /, '').replaceAll(/@\d+/g, '@') : name);
const short = (name) => (name.length > 60 ? `${name.slice(0, 60)}…` : name);

/** Counts keys of both sides. */
class Table {
  #counts = new Map();
  #totals = [0, 0];

  add(side, key, times = 1) {
    let count = this.#counts.get(key);
    if (count === undefined) this.#counts.set(key, (count = [0, 0]));
    count[side] += times;
    this.#totals[side] += times;
  }

  /** The totals, what is on one side alone as a share of V8's, and the keys that differ most. */
  result() {
    const differing = [...this.#counts].filter(([, [ours, theirs]]) => ours !== theirs);
    differing.sort(([, a], [, b]) => Math.abs(b[0] - b[1]) - Math.abs(a[0] - a[1]));
    const only = differing.reduce((sum, [, [a, b]]) => sum + Math.abs(a - b), 0);
    const [v8, image] = this.#totals;
    return {
      v8,
      image,
      differences: differing.length,
      share: v8 === 0 ? 0 : only / v8,
      most: differing.slice(0, SHOWN).map(([key, [a, b]]) => ({ key: short(key), v8: a, image: b })),
    };
  }
}

/** Roots of each string that there is. */
const STRING_TABLES = new Set(['(Internalized strings)', '(External strings)']);

/** Nodes that the root leads to. V8's snapshot also has what is in the read-only heap and nothing refers to. */
function reached(graph) {
  const seen = new Uint8Array(graph.count);
  const queue = [0];
  seen[0] = 1;
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at];
    if (STRING_TABLES.has(graph.name(node)) && graph.type(node) === 'synthetic') continue;
    for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++) {
      const to = graph.target(edge);
      if (seen[to] === 1) continue;
      seen[to] = 1;
      queue.push(to);
    }
  }
  return seen;
}

/** Values that hidden edges do not lead to: V8 has no names for variables of blocks. */
const CONSTANTS = new Set(['system / Oddball', 'system / Hole', 'undefined', 'null', 'true', 'false']);
const isConstant = (graph, node) => graph.type(node) === 'hidden' && CONSTANTS.has(graph.name(node));

const countOf = (graph, node, wanted) => {
  let count = 0;
  for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++)
    if (graph.edgeType(edge) === wanted) count++;
  return count;
};

/**
 * Contexts of the image whose variables V8 does not name: those of blocks, class bodies and sloppy evals.
 * @param {Int32Array} partner
 */
function unnamed([v8, image], partner) {
  const found = new Set();
  for (const [node, other] of partner.entries()) {
    if (other === -1 || v8.name(node) !== 'system / Context') continue;
    if (countOf(v8, node, 'context') === 0 && countOf(image, other, 'context') > 0) found.add(other);
  }
  return found;
}

/**
 * @param {[import('./load.js').Graph, import('./load.js').Graph]} graphs  V8's, the image's
 * @param {Set<number>} blocks  contexts of the image whose variables V8 does not name: compared as hidden edges
 */
function tables(graphs, blocks) {
  const all = {};
  for (const part of ['program', "V8's own"]) {
    for (const of of ['nodes', 'self sizes', 'edges']) all[`${of}, ${part}`] = new Table();
  }
  Object.assign(all, { variables: new Table(), lines: new Table() });
  for (const [side, graph] of graphs.entries()) {
    const seen = reached(graph);
    for (let node = 0; node < graph.count; node++) {
      const type = graph.type(node);
      if (LEFT_OUT.has(type) || seen[node] === 0) continue;
      const part = OF_PROGRAM.has(type) ? 'program' : "V8's own";
      const key = `${type} ${withoutIds(graph.name(node))}`;
      all[`nodes, ${part}`].add(side, key);
      all[`self sizes, ${part}`].add(side, `${key} ${graph.size(node)}`);
      for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++) {
        if (LEFT_OUT.has(graph.type(graph.target(edge)))) continue;
        let kind = graph.edgeType(edge);
        if (kind === 'context' && side === 1 && blocks.has(node)) {
          if (isConstant(graph, graph.target(edge))) continue;
          kind = 'hidden';
        }
        const name = kind === 'hidden' ? '' : withoutIds(String(graph.edgeName(edge)));
        all[`edges, ${part}`].add(side, `${type} --${kind} ${kind === 'element' ? '' : name}`);
        if (kind === 'context') all.variables.add(side, name);
      }
    }
    for (const [node, line, column] of graph.locations())
      all.lines.add(side, `${graph.type(node)} ${graph.name(node)} ${line}:${column}`);
  }
  return Object.fromEntries(Object.entries(all).map(([name, table]) => [name, table.result()]));
}

/** The edges of a node by kind and name; several of one name, and hidden ones, by their order. */
function byName(graph, node, isBlock) {
  const edges = new Map();
  for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++) {
    let kind = graph.edgeType(edge);
    if (kind === 'weak' || kind === 'shortcut') continue;
    const to = graph.target(edge);
    if (LEFT_OUT.has(graph.type(to))) continue;
    if (isBlock && kind === 'context') {
      if (isConstant(graph, to)) continue;
      kind = 'hidden';
    }
    const key = kind === 'hidden' ? kind : `${kind} ${withoutIds(String(graph.edgeName(edge)))}`;
    let at = 0;
    while (edges.has(`${key} ${at}`)) at++;
    edges.set(`${key} ${at}`, to);
  }
  return edges;
}

/** How many hidden edges there are. @param {Map<string, number>} edges */
const hiddenOf = (edges) => [...edges.keys()].filter((key) => key.startsWith('hidden ')).length;

/** The node that holds what the fixture has built. */
function globalOf(graph, mark) {
  for (let node = 0; node < graph.count; node++) {
    if (graph.type(node) !== 'object') continue;
    for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++)
      if (graph.edgeType(edge) === 'property' && graph.edgeName(edge) === mark) return node;
  }
  throw new Error(`no object has the property ${mark}`);
}

/** For each node of V8's graph the one that is reached in the same way in the image's; -1 for none. */
function pair([v8, image], mark) {
  const partner = new Int32Array(v8.count).fill(-1);
  const taken = new Uint8Array(image.count);
  const queue = [];
  const join = (a, b) => {
    if (partner[a] !== -1 || taken[b] === 1 || v8.type(a) !== image.type(b)) return;
    if (OF_PROGRAM.has(v8.type(a)) && v8.name(a) !== image.name(b)) return;
    partner[a] = b;
    taken[b] = 1;
    queue.push(a);
  };
  const [a, b] = [globalOf(v8, mark), globalOf(image, mark)];
  partner[a] = b;
  taken[b] = 1;
  queue.push(a);
  for (let at = 0; at < queue.length; at++) {
    const [node, other] = [queue[at], partner[queue[at]]];
    const isBlock = v8.name(node) === 'system / Context' && countOf(v8, node, 'context') === 0;
    const [edges, others] = [byName(v8, node, isBlock), byName(image, other, isBlock)];
    // The order of hidden edges says something only where both have the same number of them.
    const areHiddenAlike = hiddenOf(edges) === hiddenOf(others);
    for (const [key, to] of edges)
      if (others.has(key) && (areHiddenAlike || !key.startsWith('hidden '))) join(to, others.get(key));
  }
  return partner;
}

/** Of the largest objects of the program: how many are found in the image, and how many retain the same. */
function retained(graphs, partner) {
  const [ours, theirs] = graphs.map((graph) =>
    dominators(graph, (node) => (LEFT_OUT.has(graph.type(node)) ? 0 : graph.size(node))),
  );
  const [v8, image] = graphs;
  const own = Array.from({ length: v8.count }, (_, node) => node).filter((node) => OF_PROGRAM.has(v8.type(node)));
  const largest = own.toSorted((a, b) => ours[b] - ours[a]).slice(0, LARGEST);
  const found = largest.filter((node) => partner[node] !== -1);
  const off = (node) => Math.abs(theirs[partner[node]] - ours[node]) / ours[node];
  const equal = found.filter((node) => off(node) <= RETAINED);
  const most = found
    .filter((node) => off(node) > RETAINED)
    .slice(0, SHOWN)
    .map((node) => ({ key: short(`${v8.type(node)} ${v8.name(node)}`), v8: ours[node], image: theirs[partner[node]] }));
  const missing = largest
    .filter((node) => partner[node] === -1)
    .slice(0, SHOWN)
    .map((node) => ({ key: short(`${v8.type(node)} ${v8.name(node)}`), v8: ours[node], image: null }));
  return {
    largest: largest.length,
    found: found.length,
    equal: equal.length,
    paired: partner.reduce((sum, each) => sum + (each === -1 ? 0 : 1), 0),
    nodes: image.count,
    most: [...most, ...missing],
  };
}

/** @param {string} v8 @param {string} image  files @param {string} mark  the property of the global object */
function compare(v8, image, mark) {
  const graphs = /** @type {any} */ ([load(v8), loadImage(image)]);
  const partner = pair(graphs, mark);
  const blocks = unnamed(graphs, partner);
  const named = [...blocks].reduce((sum, node) => sum + countOf(graphs[1], node, 'context'), 0);
  return { tables: tables(graphs, blocks), retained: retained(graphs, partner), blocks: named };
}

module.exports = { compare };
