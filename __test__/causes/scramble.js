'use strict';
// A snapshot as a forked child would have written it: what the parent had not numbered gets ids in the order of the heap.
const fs = require('node:fs');

/**
 * @param {string} path rewritten in place
 * @param {number} [kept] ids up to this one stay as they are: those that the parent gave
 */
function scramble(path, kept = 0) {
  const snapshot = JSON.parse(fs.readFileSync(path, 'utf8'));
  const { node_fields: fields } = snapshot.snapshot.meta;
  const { nodes } = snapshot;
  const renamed = new Map();
  let next = kept + (kept % 2 === 0 ? 1 : 2);
  for (let at = fields.indexOf('id'); at < nodes.length; at += fields.length) {
    const id = nodes[at];
    if (id % 2 === 0 || id <= kept) continue;
    renamed.set(id, next);
    nodes[at] = next;
    next += 2;
  }
  // The names of WeakMap entries quote ids.
  snapshot.strings = snapshot.strings.map((text) =>
    text.includes('part of key (')
      ? text.replaceAll(/@(\d+)/g, (all, id) => `@${renamed.get(Number(id)) ?? id}`)
      : text,
  );
  fs.writeFileSync(path, JSON.stringify(snapshot));
}

module.exports = { scramble };
