'use strict';
// Retained sizes: the nodes that a node dominates, by the iteration of Cooper, Harvey and Kennedy ("A Simple, Fast
// Dominance Algorithm", 2001).

/** The entry of a WeakMap has an edge from the table and one from the key. The key decides. */
const OF_ENTRY = /part of key .* -> value .* pair in WeakMap \(table @(\d+)\)$/;

/**
 * Whether an edge is one of those that Node describes to V8: from its own memory to objects. V8 takes some of Node's
 * objects for the native ones that they wrap; these have a map, and the edges of the object too.
 */
function isOfEmbedder(graph, node, edge) {
  if (graph.type(node) !== 'native') return false;
  if (graph.edgeType(edge) === 'element' || graph.edgeName(edge) === 'native_to_javascript') return true;
  for (let other = graph.firstEdge(node); other < graph.firstEdge(node + 1); other++)
    if (graph.edgeName(other) === 'map' && graph.edgeType(other) === 'internal') return false;
  return true;
}

/** Whether an edge retains its target. */
function retains(graph, node, edge) {
  const type = graph.edgeType(edge);
  if (type === 'weak' || isOfEmbedder(graph, node, edge)) return false;
  // Shortcuts repeat what other edges say, but for those of the root.
  if (type === 'shortcut') return node === 0;
  if (type !== 'internal') return true;
  const entry = OF_ENTRY.exec(String(graph.edgeName(edge)));
  return entry === null || Number(entry[1]) !== graph.id(node);
}

/** Nodes that are reached from the first, each after those that are reached through it. */
function postOrder(graph) {
  const seen = new Uint8Array(graph.count);
  const order = [];
  const stack = [0];
  const edges = [graph.firstEdge(0)];
  seen[0] = 1;
  while (stack.length > 0) {
    const node = stack.at(-1);
    const edge = edges.at(-1);
    if (edge === graph.firstEdge(node + 1)) {
      order.push(node);
      stack.pop();
      edges.pop();
      continue;
    }
    edges[edges.length - 1]++;
    const to = graph.target(edge);
    if (seen[to] === 1 || !retains(graph, node, edge)) continue;
    seen[to] = 1;
    stack.push(to);
    edges.push(graph.firstEdge(to));
  }
  return order;
}

/** Retainers as columns: those of `node` are `from[start[node]]` to `from[start[node + 1] - 1]`. */
function retainers(graph) {
  const start = new Uint32Array(graph.count + 2);
  const each = (visit) => {
    for (let node = 0; node < graph.count; node++)
      for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++)
        if (retains(graph, node, edge)) visit(node, graph.target(edge));
  };
  each((_, to) => start[to + 2]++);
  for (let at = 2; at < start.length; at++) start[at] += start[at - 1];
  const from = new Uint32Array(start.at(-1));
  each((node, to) => (from[start[to + 1]++] = node));
  return { start, from };
}

/**
 * The bytes that each node retains.
 * @param {import('./load.js').Graph} graph @param {(node: number) => number} sizeOf
 */
function dominators(graph, sizeOf) {
  const order = postOrder(graph);
  const place = new Int32Array(graph.count).fill(-1);
  for (const [at, node] of order.entries()) place[node] = at;
  const { start, from } = retainers(graph);
  // By place in the order: a dominator has a higher one.
  const dominator = new Int32Array(order.length).fill(-1);
  const root = order.length - 1;
  dominator[root] = root;
  const meet = (a, b) => {
    while (a !== b) {
      while (a < b) a = dominator[a];
      while (b < a) b = dominator[b];
    }
    return a;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (let at = root - 1; at >= 0; at--) {
      const node = order[at];
      let found = -1;
      for (let edge = start[node]; edge < start[node + 1]; edge++) {
        const by = place[from[edge]];
        if (by === -1 || dominator[by] === -1) continue;
        found = found === -1 ? by : meet(found, by);
      }
      if (dominator[at] !== found) {
        dominator[at] = found;
        changed = true;
      }
    }
  }
  const retained = new Float64Array(graph.count);
  for (const [at, node] of order.entries()) {
    retained[node] += sizeOf(node);
    if (at !== root) retained[order[dominator[at]]] += retained[node];
  }
  return retained;
}

module.exports = { dominators };
