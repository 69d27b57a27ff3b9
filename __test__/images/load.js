'use strict';
// A heap snapshot as columns.

const fs = require('node:fs');

/** A snapshot file. */
class Graph {
  #heap;
  #fields;
  #edgeFields;
  #first;
  #types;
  #edgeTypes;

  constructor(heap) {
    const { meta, node_count: count } = heap.snapshot;
    this.#heap = heap;
    this.count = count;
    this.#fields = Object.fromEntries(meta.node_fields.map((name, at) => [name, at]));
    this.#edgeFields = Object.fromEntries(meta.edge_fields.map((name, at) => [name, at]));
    this.nodeWidth = meta.node_fields.length;
    this.edgeWidth = meta.edge_fields.length;
    [this.#types] = meta.node_types;
    [this.#edgeTypes] = meta.edge_types;
    this.locationWidth = meta.location_fields.length;
    this.#first = new Uint32Array(count + 1);
    for (let node = 0; node < count; node++) this.#first[node + 1] = this.#first[node] + this.#of(node, 'edge_count');
  }

  #of(node, field) {
    return this.#heap.nodes[node * this.nodeWidth + this.#fields[field]];
  }

  #ofEdge(edge, field) {
    return this.#heap.edges[edge * this.edgeWidth + this.#edgeFields[field]];
  }

  type(node) {
    return this.#types[this.#of(node, 'type')];
  }

  name(node) {
    return this.#heap.strings[this.#of(node, 'name')];
  }

  id(node) {
    return this.#of(node, 'id');
  }

  size(node) {
    return this.#of(node, 'self_size');
  }

  /** Edges of a node are those from here to the first of the next. */
  firstEdge(node) {
    return this.#first[node];
  }

  edgeType(edge) {
    return this.#edgeTypes[this.#ofEdge(edge, 'type')];
  }

  /** A string, or an index. */
  edgeName(edge) {
    const name = this.#ofEdge(edge, 'name_or_index');
    const type = this.edgeType(edge);
    return type === 'element' || type === 'hidden' ? name : this.#heap.strings[name];
  }

  target(edge) {
    return this.#ofEdge(edge, 'to_node') / this.nodeWidth;
  }

  /** Node, line and column. */
  *locations() {
    const { locations } = this.#heap;
    for (let at = 0; at < locations.length; at += this.locationWidth)
      yield [locations[at] / this.nodeWidth, locations[at + 2], locations[at + 3]];
  }
}

/** A text as V8 writes it into a snapshot: of characters beyond U+FFFF the lower 16 bits, and a space for U+0000. */
const asWritten = (text) =>
  text
    .replaceAll(/[\u{10000}-\u{10FFFF}]/gu, (character) => String.fromCharCode(character.codePointAt(0) & 0xff_ff))
    .replaceAll('\0', ' ');

/** @param {string} file @returns {Graph} */
const load = (file) => new Graph(JSON.parse(fs.readFileSync(file, 'utf8')));

/** The snapshot of a heap image, with the texts that V8 would have written. @param {string} file @returns {Graph} */
function loadImage(file) {
  const heap = JSON.parse(fs.readFileSync(file, 'utf8'));
  return new Graph({ ...heap, strings: heap.strings.map(asWritten) });
}

module.exports = { load, loadImage, Graph };
