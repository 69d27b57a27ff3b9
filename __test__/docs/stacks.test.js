'use strict';
// docs/stacks.md has for each stack what installs, what starts, and the place that its leak has in the sources.
// `npm run test:stacks` runs these lines.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { linesOf, shows } = require('../stacks/documented.js');
const { STACKS, PRODUCTION } = require('../stacks/names.js');

const SERVICES = path.join(__dirname, '../stacks/services');

/** `file.js:12` of each line that has the text. */
function placesOf(source, text) {
  const lines = fs.readFileSync(path.join(SERVICES, source), 'utf8').split('\n');
  const numbers = lines.flatMap((line, at) => (line.includes(text) ? [at + 1] : []));
  return numbers.map((number) => `${path.basename(source)}:${number}`).toSorted();
}

test('each stack has a line that installs and one that starts', () => {
  for (const name of STACKS) {
    const { install, start } = linesOf(name);
    assert.equal(install, 'npm install plimsoll', name);
    assert.match(start, /--import plimsoll\/register"/, name);
  }
});

test('each stack shows its leak at the place that the sources have', () => {
  for (const name of STACKS.filter((each) => each !== PRODUCTION)) {
    const stack = require(path.join(SERVICES, `${name}.js`));
    const places = linesOf(name).leaks.map(({ place }) => place);
    const isPackage = stack.package !== undefined || stack.source?.includes('node_modules');
    if (isPackage) assert.deepEqual(places, [`${stack.package ?? 'pg-pool'}/index.js`], name);
    else {
      const shown = places.map((place) => path.basename(place));
      assert.deepEqual(shown, placesOf(stack.source ?? `${name}.js`, stack.line ?? '// the leak').slice(0, 1), name);
    }
  }
});

test('the production case shows its four leaks', () => {
  const places = linesOf(PRODUCTION).leaks.map(({ place }) => place);
  assert.equal(places.length, 4);
  assert.deepEqual(places.toSorted(), placesOf('production/server.js', '// leaks: '));
});

/** A report that the page shows, but for what is given. */
const report = ({ channel = 'heap', ...suspect } = {}) => ({
  verdict: { channel },
  suspects: [{ cause: 'map', name: 'sessions', file: '/app/socket-io.js', line: 7, ...suspect }],
});

test('a report that has another cause, name, channel, file or line is not what the page shows', () => {
  const [leak] = linesOf('socket-io').leaks;
  assert.equal(shows(leak, report()), true);
  for (const other of [
    { channel: 'native' },
    { cause: 'set' },
    { name: 'baskets' },
    { file: '/app/not-socket-io.js' },
    { line: 8 },
  ]) {
    assert.equal(shows(leak, report(other)), false, JSON.stringify(other));
  }
});
