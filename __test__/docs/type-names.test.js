'use strict';
// A public type of the crate has a name of its own, so that a name in a comment, an error or a search means one thing.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const ROOT = path.join(__dirname, '../..');
const DECLARATION = /^\s*pub(?:\([^)]*\))? (?:unsafe )?(?:struct|enum|trait|type|union) (\w+)/gm;
/** The implementations for one platform and for the others: a build has one of each. */
const PLATFORMS = /^snapshot\/(?:fork\/(?:elsewhere|child)|image\/(?:elsewhere|linux))\.rs$/;

/** The types with `pub` or `pub(...)` that occur in more than one file, each with its files. */
function shared(files) {
  const found = new Map();
  for (const [file, source] of files)
    for (const [, name] of source.matchAll(DECLARATION)) found.set(name, [...(found.get(name) ?? []), file]);
  const clashes = [...found].filter(([, places]) => places.length > 1 && !places.every((file) => PLATFORMS.test(file)));
  return Object.fromEntries(clashes);
}

const sources = fs
  .readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.rs'))
  .map((name) => [name.replaceAll(path.sep, '/'), fs.readFileSync(path.join(ROOT, 'src', name), 'utf8')]);

test('no two public types of the crate have the same name', () => {
  assert.ok(sources.some(([, source]) => source.includes('pub enum Cause')));
  assert.deepEqual(shared(sources), {});
});

test('a name that is declared twice is found, whatever its visibility', () => {
  const twice = [
    ['heap/a.rs', 'pub(in crate::heap) struct Step {'],
    ['snapshot/b.rs', '    pub type Step = u32;\n// pub enum Other\nstruct Private;'],
    ['cache/c.rs', 'pub enum Other {}\nstruct Private;'],
    ['snapshot/fork/elsewhere.rs', 'pub enum Child {}'],
    ['snapshot/fork/child.rs', 'pub struct Child;'],
  ];
  assert.deepEqual(shared(twice), { Step: ['heap/a.rs', 'snapshot/b.rs'] });
});
