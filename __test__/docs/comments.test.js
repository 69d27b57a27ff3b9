'use strict';
// Comments of the sources and of the types have at most 120 columns, as the pages have.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const ROOT = path.join(__dirname, '../..');
const COLUMNS = 120;
const COMMENT = /^\s*(?:\/\/|\/\*|\*)/;
/** JSDoc with a type, which formatters of types read as one line. */
const TYPED = /@(?:param|returns|type|typedef|property)\b.*\{/;

const sources = ['src', 'lib', 'bin'].flatMap((folder) =>
  fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:rs|js|ts)$/.test(name))
    .map((name) => path.join(folder, name)),
);
const types = fs.readdirSync(ROOT).filter((name) => /^(?:index|register)\.d\.m?ts$/.test(name));

test('no comment has more than 120 columns', () => {
  assert.ok(types.length > 1 && sources.length > 300);
  const long = [...types, ...sources].flatMap((file) =>
    fs
      .readFileSync(path.join(ROOT, file), 'utf8')
      .split('\n')
      .flatMap((line, at) =>
        COMMENT.test(line) && [...line].length > COLUMNS && !TYPED.test(line) ? [`${file}:${at + 1}`] : [],
      ),
  );
  assert.deepEqual(long, []);
});
