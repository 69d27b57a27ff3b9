'use strict';
// Writes descriptions of small heap images to fuzz/corpus/image, in the form that described_image.rs reads: tables of
// properties, contexts, WeakMaps, classes, code and frames, which random bytes do not become.
//   node fuzz/seed-images.js
const fs = require('node:fs');
const path = require('node:path');

const parts = fs.readFileSync(path.join(__dirname, 'image_parts.rs'), 'utf8');
const named = [...parts.slice(parts.indexOf('TYPES'), parts.indexOf('];')).matchAll(/"(\w+)"/g)].map(
  (found) => found[1],
);
// In the order of NUMBERED, whose numbers differ by version.
const NUMBERED = ['array', '', 'context', 'NativeContext', 'function', 'generator', 'BigInt', 'transitions', ''];
const kinds = [...named, ...NUMBERED, 'ephemerons', 'dictionary', '', 'hole', 'api', 'wasm'];
const FIRST = 300;
const KNOWN = ['', 'name', 'constructor', 'Symbol.toStringTag', 'Object', 'lines', '7'];
/** Type numbers of version 0 that have no name. */
const FUNCTION = 2066;

// Words.
const ref = (object) => [4, object];
const smi = (number) => [9, number & 0xff, number >> 8];
const raw = (number) => [11, ...Array.from({ length: 8 }, (_, at) => Number((number >> BigInt(8 * at)) & 0xffn))];
const details = ({ field = 0, isOutside = false, isConstant = false, isAccessor = false }) => [
  12,
  field | (isConstant ? 8 : 0) | (isOutside ? 1 : 0) | (isAccessor ? 0x80 : 0),
];
const onStack = (word) => [13, word];
const times = ([kind, ...operand], count) => [kind | 0xe0, ...operand, count];
const none = smi(0);

// Parts of an image. An object has its words after the map as they are given.
const object = (kind, ...words) => [0, kinds.indexOf(kind), 7, words.length, ...words.flat()];
const instance = (map, ...words) => [0, map, 7, 0x80 | words.length, ...words.flat()];
const string = (text) => [9, 0x80 | KNOWN.indexOf(text)];
const stack = (...words) => [13, 1, words.length, ...words.flat()];
const root = (...words) => [13, 0, words.length, ...words.flat()];
const typeOf = (name) => BigInt(name === 'function' ? FUNCTION : FIRST + named.indexOf(name));
const map = (type, { bits = 0n, elements = 2n, isBase = false, prototype = none, madeBy = none, descriptors = none }) =>
  object(
    'Map',
    raw((typeOf(type) << 32n) | (elements << 58n) | (isBase ? 1n << 56n : 0n) | (3n << 8n) | 8n),
    raw(bits),
    prototype,
    madeBy,
    descriptors,
    none,
    none,
    none,
    none,
  );
const OWN = (count) => BigInt(count) << 10n;
const IS_DICTIONARY = 1n << 21n;

const images = {
  properties: [
    string('name'),
    object(
      'DescriptorArray',
      raw(3n),
      none,
      ref(0),
      details({}),
      none,
      ref(2),
      details({ field: 6 }),
      none,
      ref(5),
      details({ field: 1, isAccessor: true }),
      none,
    ),
    object('Symbol', none, ref(3)),
    string('Symbol.toStringTag'),
    map('JSPromise', { bits: OWN(3), descriptors: ref(1), prototype: ref(8) }),
    string('constructor'),
    object('AccessorPair', ref(9), ref(9)),
    object('PropertyArray', smi(4), ref(0), ref(3), ref(5), ref(0)),
    instance(4, ref(7), ref(7), ref(3), ref(6), ref(9), none, none),
    object('function', none, none, ref(10), none, none, none, none, none, none),
    object('SharedFunctionInfo', none, ref(0), none, none, none, none, none, none, none),
  ],
  dictionaries: [
    string('name'),
    object('dictionary', smi(12), smi(1), none, smi(2), none, none, none, ref(0), ref(3), none, ref(3), ref(0), none),
    map('JSPromise', { bits: IS_DICTIONARY, elements: 13n }),
    string('constructor'),
    object('dictionary', smi(10), smi(1), none, smi(2), none, none, smi(7), ref(0), none, smi(9), ref(3), none),
    instance(2, ref(1), ref(4), none, none, none, none, none),
    object('JSGlobalObject', ref(7), ref(4), none, none, none, none, none, none, none),
    object('dictionary', smi(7), smi(1), none, smi(2), none, ref(8), ref(8), none),
    object('PropertyCell', ref(0), none, ref(3), none, none, none, none, none, none),
  ],
  contexts: [
    string('name'),
    string('7'),
    object('ScopeInfo', smi(0), none, smi(2), ref(0), ref(1), none, none, none, none),
    object('context', smi(5), ref(2), ref(3), ref(0), ref(1), ref(2)),
    object('function', none, none, ref(5), ref(3), none, none, ref(9), none, none),
    object('SharedFunctionInfo', ref(8), ref(2), none, ref(6), none, none, none, none, none),
    object('Script', ref(7), ref(0), none, none, none, none, ref(10), smi(3), none),
    string('lines'),
    object('UncompiledDataWithoutPreparseData', ref(0), smi(3), none, none, none, none, none, none, none),
    map('function', {}),
    object('FixedArray', smi(2), smi(1), smi(5)),
    // Names in a table.
    object('ScopeInfo', smi(0), none, smi(75), ref(12), none, none, none),
    object('dictionary', smi(7), smi(1), none, smi(2), ref(0), smi(2), ref(1), smi(3)),
    object('context', smi(5), ref(11), ref(3), ref(0), ref(1), ref(2)),
    stack(none, none, ref(4), ref(3), onStack(8), none, ref(4), ref(3), onStack(10), none, none, none),
  ],
  'weak maps': [
    string('name'),
    object('ephemerons', smi(7), smi(2), none, smi(2), ref(2), ref(3), ref(0), ref(2)),
    string('constructor'),
    string('Object'),
    object('JSWeakMap', none, none, ref(1), none, none, none, none, none, none),
    // Of all objects, these are roots.
    root(ref(4), ref(0)),
  ],
  classes: [
    string('name'),
    object('SharedFunctionInfo', none, ref(0), none, none, none, none, none, none, none),
    object('function', none, none, ref(1), none, none, none, none, none, none),
    map('JSPromise', { isBase: true, madeBy: ref(2) }),
    instance(3, none, none, none, none, none, none, none),
    object('DescriptorArray', raw(1n), none, ref(7), details({ isConstant: true }), ref(2)),
    map('JSPromise', { bits: OWN(1), descriptors: ref(5) }),
    string('constructor'),
    instance(6, none, none, ref(2), none, none, none, none),
    map('JSPromise', { prototype: ref(8) }),
    instance(9, none, none, none, none, none, none, none),
    object('FunctionTemplateInfo', none, none, none, none, none, none, none, none, none),
    object('SharedFunctionInfo', ref(11), ref(0), none, none, none, none, none, none, none),
    object('function', none, none, ref(12), none, none, none, none, none, none),
    map('JSPromise', { madeBy: ref(13) }),
    instance(14, none, none, none, none, none, none, none),
  ],
  code: [
    string('name'),
    object('Code', ref(2), none, none, ref(3), none, none, none, none, none),
    object('FixedArray', smi(2), ref(0), ref(4)),
    object('InstructionStream', ref(1), none, [10, 24], raw(0xb848n << 48n), ref(4), raw(0xb848n << 48n), ref(5)),
    object('ByteArray', smi(0)),
    object('JSMap', none, none, ref(2), none, none, none, none, none, none),
    object('SharedFunctionInfo', ref(1), ref(1), ref(0), none, none, none, none, none, none),
  ],
  caches: [
    string('7'),
    object('FixedArray', smi(256), smi(7), ref(0), times(none, 254)),
    object('NativeContext', smi(280), times(ref(1), 250), times(ref(0), 31)),
    object('transitions', smi(2), ref(4), ref(3)),
    object('WeakFixedArray', smi(1), ref(0)),
    object('WeakArrayList', smi(1), none, ref(0)),
    object('PrototypeInfo', none, ref(5), ref(5), none, none, none, none, none, none),
  ],
};

const into = path.join(__dirname, 'corpus/image');
fs.mkdirSync(into, { recursive: true });
for (const [name, image] of Object.entries(images)) {
  // All objects are roots, or those alone that the image says.
  const flags = name === 'weak maps' ? 2 : 0;
  for (const version of [0, 1, 2, 3]) {
    fs.writeFileSync(path.join(into, `${name}-${version}`), Buffer.from([version, flags, ...image.flat()]));
  }
}
