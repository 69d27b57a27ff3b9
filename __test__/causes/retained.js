'use strict';
// Whether the bytes of a suspect that dominates no other one are the growth of its object's retained size.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');

/** How far they may differ. */
const NEAR = 0.05;

/** The retained size of an object; 0 where the snapshot does not have it. */
async function retainedSize(snapshot, id) {
  if (id === null) return 0;
  const answer = await requireAnalyzer().analyzeSnapshots([snapshot], JSON.stringify({ path: id }));
  return JSON.parse(answer).way.retained;
}

const isNear = (ratio) => Math.abs(ratio - 1) <= NEAR;

/**
 * A suspect's bytes as a multiple of the growth of its object's retained size; null where others hold them as well.
 * @param {{ids: (number | null)[], bytes: number, registered?: boolean}} suspect
 * @param {string[]} snapshots
 * @param {{areStable?: boolean}} [ids] whether an object has one id in all snapshots
 * @returns {Promise<number | null>}
 */
async function retainedRatio({ ids, bytes, registered = false }, snapshots, { areStable = false } = {}) {
  // A registry of Node's holds its objects as well.
  if (registered) return null;
  if (ids.length === 0 || ids.at(-1) === null) return null;
  const [from, to] = [snapshots[0], snapshots.at(-1)];
  const [first, last] = [await retainedSize(from, ids[0]), await retainedSize(to, ids.at(-1))];
  const difference = last - first;
  // It dominates little of what it leads to.
  if (difference < bytes / 2) return null;
  const ratio = bytes / difference;
  if (isNear(ratio) || !areStable || ids[0] === null) return ratio;
  const { least, most } = bounds([from, ids[0], first], [to, ids.at(-1), last]);
  if (isNear(least / difference)) return ratio;
  return bytes / Math.min(Math.max(bytes, least), most);
}

/**
 * The difference of retained sizes is no growth where something else held a part in the first snapshot and let go of
 * it: those objects were there before. The growth is what is new in the last one less what is gone, at least that which
 * the object alone holds, at most that which it leads to.
 */
function bounds(...sides) {
  const [first, last] = sides.map(([file, id, size]) => {
    const side = read(file, id);
    const sum = sumOf(side, side.retained);
    assert.ok(Math.abs(sum - size) <= size / 100, `${file}: @${id} retains ${sum}, and ${size} by its dominators`);
    return side;
  });
  const both = new Set([...first.retained, ...last.retained]);
  return {
    least: sumOf(last, both) - sumOf(first, both),
    most: sumOf(last, last.leadsTo(first.sizes)) - sumOf(first, first.leadsTo(last.sizes)),
  };
}

const sumOf = ({ sizes }, ids) => [...ids].reduce((sum, id) => sum + (sizes.get(id) ?? 0), 0);

/**
 * The objects of a snapshot that cannot be reached without one of them, by their ids, and the sizes of all. It follows
 * each reference, and knows nothing of dominators. What the program's global objects do not lead to (V8's handles)
 * retains nothing of what they lead to, as in DevTools.
 * @param {string} file @param {number} without an id
 */
function read(file, without) {
  const { snapshot, nodes, edges, strings } = JSON.parse(fs.readFileSync(file, 'utf8'));
  const { node_fields: fields, edge_types: types } = snapshot.meta;
  const width = fields.length;
  const [id, size, degree] = ['id', 'self_size', 'edge_count'].map((name) => fields.indexOf(name));
  const count = nodes.length / width;
  const begins = [0];
  for (let node = 0; node < count; node++) begins.push(begins[node] + nodes[node * width + degree]);
  const idOf = (node) => nodes[node * width + id];
  /** The references of a node: their kind, whether they keep the other object alive, and its number. */
  const references = function* (node) {
    for (let edge = begins[node] * 3; edge < begins[node + 1] * 3; edge += 3) {
      const kind = types[0][edges[edge]];
      // The value of a WeakMap's entry is its key's.
      const isValue = kind === 'internal' && strings[edges[edge + 1]].endsWith(`in WeakMap (table @${idOf(node)})`);
      if (kind !== 'weak') yield { kind, isStrong: kind !== 'shortcut' && !isValue, to: edges[edge + 2] / width };
    }
  };
  const reached = (seeds, leads, seen = new Set()) => {
    const pending = seeds.filter((node) => !seen.has(node));
    pending.forEach((node) => seen.add(node));
    while (pending.length > 0) {
      const from = pending.pop();
      for (const reference of references(from)) {
        if (seen.has(reference.to) || !leads(from, reference)) continue;
        seen.add(reference.to);
        pending.push(reference.to);
      }
    }
    return seen;
  };
  const ofRoot = [...references(0)];
  const globals = ofRoot.filter(({ kind }) => kind === 'shortcut').map(({ to }) => to);
  const page = reached(globals, () => true);
  const aliveWithout = (one) => {
    const isHeld = ({ isStrong, to }) => isStrong && to !== one;
    const inPage = reached(
      globals.filter((to) => to !== one),
      (_, reference) => isHeld(reference),
    );
    const others = ofRoot.filter((reference) => isHeld(reference) && !page.has(reference.to)).map(({ to }) => to);
    return reached(others, (from, reference) => isHeld(reference) && !page.has(reference.to), inPage);
  };
  const sizes = new Map();
  for (let node = 0; node < count; node++) sizes.set(idOf(node), nodes[node * width + size]);
  const object = Math.floor(nodes.findIndex((value, at) => at % width === id && value === without) / width);
  const [all, left] = [aliveWithout(-1), aliveWithout(object)];
  return {
    sizes,
    retained: new Set([...all].filter((node) => !left.has(node)).map(idOf)),
    /** Objects that another snapshot does not have, by way of such objects. @param {Map<number, number>} others */
    leadsTo: (others) =>
      [...reached([object], (_, { isStrong, to }) => isStrong && !others.has(idOf(to)))].slice(1).map(idOf),
  };
}

const lastId = ({ ids }) => ids.at(-1) ?? null;

/**
 * The suspects whose object dominates that of no other one.
 * @template {{ids: (number | null)[]}} Suspect
 * @param {Suspect[]} suspects
 * @param {string} snapshot the last one
 * @returns {Suspect[]}
 */
function withoutOthers(suspects, snapshot) {
  if (suspects.length === 1) return suspects;
  return suspects.filter((suspect) => {
    if (lastId(suspect) === null) return false;
    const { retained } = read(snapshot, lastId(suspect));
    return suspects.every((other) => other === suspect || !retained.has(lastId(other)));
  });
}

module.exports = { retainedRatio, withoutOthers, isNear };
