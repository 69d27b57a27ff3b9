'use strict';
// Writes the names that V8's heap snapshots have and a heap image has not: those of builtins, and of the fields of
// native contexts. Each version of Node of the table in src/heap_layout.rs is read from its executable.
//   node scripts/v8-names.js NODE [NODE ...]   executables, one for each version of V8, ascending
//
// A version is written as the difference to the one before: `=from count` are names of that one.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const TO = path.join(__dirname, '../src/heap/image/known');
/** Arrays of the executable: the bytes of an entry, and where in it the address of the name is. */
const ARRAYS = {
  builtins: { symbol: /^_ZN2v88internal12_GLOBAL__N_1L?16builtin_metadataE$/, entry: 24, name: 0 },
  native_context: { symbol: /^_ZN2v88internalL20native_context_namesE$/, entry: 16, name: 8 },
};
/** Shorter runs cost more than the names. */
const LEAST_RUN = 2;
const LONGEST_NAME = 200;

/** Of sections and symbols of a 64-bit ELF file. */
const SYMBOLS = 2;
const WITHOUT_BYTES = 8;

class Executable {
  #file;
  #sections;

  constructor(file) {
    this.#file = fs.openSync(file);
    const header = this.#at(0, 64);
    const width = header.readUInt16LE(58);
    const table = this.#at(Number(header.readBigUInt64LE(40)), width * header.readUInt16LE(60));
    this.#sections = Array.from({ length: table.length / width }, (_, at) => {
      const section = table.subarray(at * width);
      const [address, offset, size] = [16, 24, 32].map((field) => Number(section.readBigUInt64LE(field)));
      return { type: section.readUInt32LE(4), address, offset, size, strings: section.readUInt32LE(40) };
    });
  }

  #at(offset, size) {
    const bytes = Buffer.alloc(size);
    fs.readSync(this.#file, bytes, 0, size, offset);
    return bytes;
  }

  /** The bytes at an address of the loaded program. */
  bytes(address, size) {
    const holds = ({ type, address: start, size: length }) =>
      type !== WITHOUT_BYTES && start !== 0 && address >= start && address < start + length;
    const section = this.#sections.find(holds);
    return this.#at(section.offset + address - section.address, size);
  }

  text(address) {
    const bytes = this.bytes(address, LONGEST_NAME);
    return bytes.toString('latin1', 0, bytes.indexOf(0));
  }

  *symbols() {
    const table = this.#sections.find(({ type }) => type === SYMBOLS);
    const [symbols, strings] = [table, this.#sections[table.strings]].map(({ offset, size }) => this.#at(offset, size));
    for (let at = 0; at < symbols.length; at += 24) {
      const start = symbols.readUInt32LE(at);
      const name = strings.toString('latin1', start, strings.indexOf(0, start));
      const [address, size] = [8, 16].map((field) => Number(symbols.readBigUInt64LE(at + field)));
      yield { name, address, size };
    }
  }
}

function namesOf(file) {
  const executable = new Executable(file);
  const found = {};
  for (const symbol of executable.symbols()) {
    for (const [of, { symbol: pattern, entry, name }] of Object.entries(ARRAYS)) {
      if (!pattern.test(symbol.name)) continue;
      const array = executable.bytes(symbol.address, symbol.size);
      found[of] = Array.from({ length: symbol.size / entry }, (_, at) =>
        executable.text(Number(array.readBigUInt64LE(at * entry + name))),
      );
    }
  }
  return found;
}

/** Names, or runs of names of the version before. */
function difference(names, before) {
  const lines = [];
  for (let at = 0; at < names.length;) {
    const from = before.indexOf(names[at]);
    let run = 0;
    if (from !== -1) while (from + run < before.length && names[at + run] === before[from + run]) run++;
    if (run >= LEAST_RUN) lines.push(`=${from} ${run}`);
    else lines.push(names[at]);
    at += run >= LEAST_RUN ? run : 1;
  }
  return lines;
}

const written = Object.fromEntries(Object.keys(ARRAYS).map((of) => [of, []]));
let before = Object.fromEntries(Object.keys(ARRAYS).map((of) => [of, []]));
for (const node of process.argv.slice(2)) {
  const version = execFileSync(node, ['-p', 'process.versions.v8'], { encoding: 'utf8' });
  const names = namesOf(node);
  for (const [of, lines] of Object.entries(written))
    lines.push(`# ${version.split('.', 2).join('.')}`, ...difference(names[of], before[of]));
  before = names;
}
for (const [of, lines] of Object.entries(written))
  fs.writeFileSync(path.join(TO, `${of}.txt`), `${lines.join('\n')}\n`);
