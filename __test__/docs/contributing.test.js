'use strict';
// CONTRIBUTING.md leads to the files of each extension, and the names that it mentions are in them.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, read } = require('../support/pages.js');
const { scripts } = require('../../package.json');

const PAGE = 'CONTRIBUTING.md';
const PLACES = [
  'A leak rule',
  'An advice text',
  'A V8 symbol',
  'A CLI command',
  'A metric',
  'A cache policy',
  'A part of the simulation',
  'A tracked resource',
  'An export format',
  'A trend window',
  'A redaction rule',
  'A platform without fork',
];
const LINK = /\[([^\]]+)\]\(([^)#]+)\)/g;

/** The links of a text: each with the names in backticks that follow it, up to the next link or the end of the entry. */
function links(text) {
  return text.split(/^- /m).flatMap((entry) => {
    const found = [...entry.matchAll(LINK)];
    return found.map(([link, , target], at) => {
      const after = entry.slice(found[at].index + link.length, found[at + 1]?.index);
      return { target, names: [...after.matchAll(/`([^`]+)`/g)].map(([, name]) => name) };
    });
  });
}

/** `### A metric` to the next heading. */
const sections = new Map(
  read(PAGE)
    .split(/^#{2,3} /m)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);

for (const place of PLACES) {
  test(`${place}: the files exist and have the names`, () => {
    const found = links(sections.get(place));
    assert.ok(found.length >= 3, `${found.length} files`);
    for (const { target, names } of found) {
      assert.ok(fs.existsSync(path.join(ROOT, target)), target);
      const text = read(target);
      // `lib/cli/NAME.js` is a pattern, not a name.
      for (const name of names) if (!name.includes('NAME')) assert.ok(text.includes(name), `${target} has no ${name}`);
    }
  });
}

test('each link of the page and of the other pages for contributors leads to a file', () => {
  for (const page of [PAGE, 'SECURITY.md', 'CHANGELOG.md', 'bench/README.md']) {
    for (const [, , target] of read(page).matchAll(LINK)) {
      if (!target.startsWith('https:'))
        assert.ok(fs.existsSync(path.join(ROOT, path.dirname(page), target)), `${page}: ${target}`);
    }
  }
});

test('each script that the page mentions exists', () => {
  const mentioned = [...read(PAGE).matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name);
  assert.deepEqual(
    mentioned.filter((name) => !(name in scripts)),
    [],
  );
  assert.ok(mentioned.includes('test:quick'));
});
