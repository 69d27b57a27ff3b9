'use strict';
// Which files a report quotes, and what it shows of their lines.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { excerpt, sourceReader } = require('../../lib/report/excerpt.js');
const { renderHtml } = require('../../lib/report/html.js');
const { leakReport } = require('../support/reports.js');

const SOURCE = `'use strict';\n${'\n'.repeat(9)}// every login adds one\nconst sessions = new Map();\n\nfunction login(user) {\n\tsessions.set(token(), user);\n}\n`;

/** A folder of files; the text of each is its name. */
function folderOf(t, files) {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-excerpt-')));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const name of files) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), name);
  }
  return (name) => path.join(folder, name);
}

test('only source is quoted', (t) => {
  const at = folderOf(t, ['app/a.js', 'app/secrets.env', 'app/large.js', 'app/folder.js/x']);
  const read = sourceReader([at('app')]);
  fs.writeFileSync(at('app/large.js'), ' '.repeat(3 * 2 ** 20));
  assert.equal(read(at('app/a.js')), 'app/a.js');
  for (const name of ['secrets.env', 'gone.js', 'large.js', 'folder.js'])
    assert.equal(read(at(`app/${name}`)), null, name);
  assert.equal(read('a.js'), null);
  fs.symlinkSync(at('app/secrets.env'), at('app/link.js'));
  assert.equal(read(at('app/link.js')), null, 'what a link leads to counts');
});

test('only what lies below the roots and in the packages around them is quoted', (t) => {
  const at = folderOf(t, [
    'other/a.js',
    'repo/package.json',
    'repo/node_modules/dep/a.js',
    'repo/apps/shop/package.json',
    'repo/apps/shop/src/a.js',
    'repo/apps/shop/lib/a.js',
    'repo/apps/shop/node_modules/own/a.js',
    'repo/apps/admin/a.js',
    'repo/packages/linked/a.js',
    'repo/packages/scoped/a.js',
    'repo/packages/unused/a.js',
  ]);
  fs.symlinkSync(at('repo/packages/linked'), at('repo/node_modules/linked'));
  fs.mkdirSync(at('repo/node_modules/@org'));
  fs.symlinkSync(at('repo/packages/scoped'), at('repo/node_modules/@org/scoped'));
  fs.symlinkSync(at('other/a.js'), at('repo/apps/shop/src/outside.js'));
  const read = sourceReader([at('repo/apps/shop/src')]);
  const quoted = [
    'apps/shop/src/a.js',
    'apps/shop/lib/a.js',
    'apps/shop/node_modules/own/a.js',
    'node_modules/dep/a.js',
    'packages/linked/a.js',
    'node_modules/linked/a.js',
    'packages/scoped/a.js',
  ];
  for (const name of quoted) assert.ok(read(at(`repo/${name}`)), name);
  for (const name of [
    'apps/admin/a.js',
    'packages/unused/a.js',
    'apps/shop/src/outside.js',
    '../other/a.js',
    'apps/shop/src/../../../../other/a.js',
  ])
    assert.equal(read(at(`repo/${name}`)), null, name);
  assert.equal(sourceReader([at('repo'), at('other')])(at('other/a.js')), 'other/a.js', 'another root');
});

test('no UNC path is looked at', (t) => {
  const at = folderOf(t, ['a.js']);
  const read = sourceReader([at('')]);
  assert.equal(read(at('a.js')), 'a.js');
  // On Linux the same file.
  assert.equal(read(`/${at('a.js')}`), null);
  for (const name of [
    '\\\\server\\share\\a.js',
    '//server/share/a.js',
    '\\\\?\\UNC\\server\\share\\a.js',
    '\\/server/a.js',
  ])
    assert.equal(read(name), null, name);
});

/** One source, and a minified one. */
const readEither = (file) => (file.endsWith('session.js') ? SOURCE : 'x'.repeat(1000));

test('the lines around the place, and none of a file that is not the one that ran', () => {
  const read = readEither;
  assert.deepEqual(
    excerpt({ file: '/a/session.js', line: 12 }, read).map(({ line, hit }) => [line, hit]),
    [
      [10, false],
      [11, false],
      [12, true],
      [13, false],
      [14, false],
      [15, false],
    ],
  );
  assert.deepEqual(excerpt({ file: '/a/session.js', line: 999 }, read), []);
  assert.deepEqual(excerpt({ file: '/a/session.js', line: null }, read), []);
  assert.deepEqual(excerpt({ file: '/a/min.js', line: 1 }, read), []);
});

test('of a redacted report the lines are quoted without their data', () => {
  const source =
    "const a = 1;\nconst sessions = new Map([['secret', `secret ${a}`]]); // secret\nif (a) /`secret/.test('secret');\n";
  const read = () => source;
  const shown = (redacted) => excerpt({ file: '/a/session.js', line: 2 }, read, redacted).map(({ text }) => text);
  assert.deepEqual(shown(false), source.split('\n'));
  assert.deepEqual(shown(true), [
    'const a = 1;',
    "const sessions = new Map([['…', `…${a}`]]); //…",
    "if (a) /…/.test('…');",
    '',
  ]);
  const report = leakReport();
  Object.assign(report.suspects[0], { file: '/srv/session.js', line: 2 });
  const isShown = (more, masked) => renderHtml({ ...report, ...more }, { read, masked }).includes('secret');
  assert.equal(isShown({}), true);
  assert.equal(isShown({ redacted: true }), false);
  assert.equal(isShown({ snapshots: [{ ...report.snapshots[0], redacted: true }] }), false, 'one snapshot is enough');
  assert.equal(isShown({}, true), false, 'a later process that redacts has a report of one that did not');
});
