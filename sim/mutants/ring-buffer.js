'use strict';

const part = 'ring-buffer';
const file = 'lib/cache/ring-buffer.js';
const mutant = (name, find, replace, former = false) => ({
  name: `ring-buffer: ${name}`,
  part,
  former,
  edits: [{ file, find, replace }],
});

module.exports = [
  mutant(
    'clear during an iteration yields undefined',
    'epoch !== this.#epoch || next >= this.#removed',
    'next > this.#removed',
    true,
  ),
  mutant(
    'slice copies the whole buffer',
    'if (wrapped <= 0) return this.#items.slice(cell, cell + count);',
    'return this.#items.slice(this.#first).concat(this.#items.slice(0, this.#first)).slice(from, from + count);',
    true,
  ),
  mutant('a dropped value stays in its cell', 'this.#items[this.#first] = undefined;', ''),
  mutant('bytes are not subtracted', 'if (this.#sizes !== null) this.#record[BYTES] -= this.#sizes[this.#first];', ''),
  mutant(
    'the length is read before the indices are converted',
    'const [first, last] = [integer(start), integer(end)];\n    const length = this.#length;',
    'const length = this.#length;\n    const [first, last] = [integer(start), integer(end)];',
  ),
  mutant(
    'sizeOf runs after room was made',
    'const bytes = this.#sizes === null ? 0 : this.#measure(value);\n    if (bytes > this.#maxBytes) {',
    'if (this.#length === this.#capacity) this.#shift();\n    const bytes = this.#sizes === null ? 0 : this.#measure(value);\n    if (bytes > this.#maxBytes) {',
  ),
  mutant(
    'a large value is not counted as dropped',
    'record[EVICTIONS]++;\n      return this.#length;',
    'return this.#length;',
  ),
  mutant(
    'clear keeps the sizes in the count',
    'this.#record[SIZE] = this.#record[BYTES] = 0;',
    'this.#record[SIZE] = 0;',
  ),
  mutant(
    'a step of an iterator skips after drops',
    'next = Math.max(next, this.#removed);',
    'if (next < this.#removed) next = this.#removed + 1;',
  ),
];
