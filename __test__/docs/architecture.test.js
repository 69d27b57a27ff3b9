'use strict';
// The import rules of ARCHITECTURE.md: each table says what a folder may import, and the code must not import more.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const ROOT = path.join(__dirname, '../..');
const page = fs.readFileSync(path.join(ROOT, 'ARCHITECTURE.md'), 'utf8');

/** The rows of the table below a heading: [name of the folder, text of the last cell]. */
function table(heading) {
  const section = page.slice(page.indexOf(heading)).split('\n## ')[0];
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `') || line.startsWith('| files'))
    .map((line) => {
      const cells = line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim());
      return [cells[0], cells.at(-1)];
    });
}

const files = (folder, extension) =>
  fs
    .readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .map((name) => path.join(folder, name));
const quoted = (text) => [...text.matchAll(/`([\w.]+)\/?`/g)].map(([, name]) => name.replace(/\.rs$/, ''));

test('Rust imports what ARCHITECTURE.md allows', () => {
  const rules = new Map(table('## Rust').map(([name, imports]) => [quoted(name)[0], imports]));
  const modules = fs
    .readdirSync(path.join(ROOT, 'src'))
    .map((name) => name.replace(/\.rs$/, ''))
    .filter((name) => name !== 'lib');
  assert.deepEqual([...rules.keys()].toSorted(), modules.toSorted(), 'the table has each folder of src');
  const faults = [];
  for (const file of files('src', '.rs')) {
    const [own] = path
      .relative('src', file)
      .split(path.sep)
      .map((part) => part.replace(/\.rs$/, ''));
    if (own === 'lib') continue;
    const allowed = rules.get(own) === 'all of them' ? modules : quoted(rules.get(own));
    const source = fs.readFileSync(path.join(ROOT, file), 'utf8');
    for (const [, name] of source.matchAll(/\bcrate::(\w+)/g))
      if (name !== own && !allowed.includes(name) && modules.includes(name)) faults.push(`${file} imports ${name}`);
    if (own !== 'addon' && /\bnapi(_derive)?::/.test(source)) faults.push(`${file} names Node-API`);
  }
  assert.deepEqual(faults, []);
});

test('JavaScript imports what ARCHITECTURE.md allows', () => {
  const rows = table('## JavaScript');
  const order = rows.slice(1).map(([name]) => quoted(name)[0]);
  assert.deepEqual(
    order.toSorted(),
    fs
      .readdirSync(path.join(ROOT, 'lib'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .toSorted(),
    'the table has each folder of lib',
  );
  const rules = new Map(rows.slice(1).map(([name, imports]) => [quoted(name)[0], quoted(imports)]));
  /** What a folder may import, what that may import, and so on. */
  const allowedBy = (folder) => {
    const allowed = new Set([folder]);
    for (const each of allowed) for (const next of rules.get(each) ?? []) if (rules.has(next)) allowed.add(next);
    if (folder === 'watch') for (const above of order.slice(0, order.indexOf('watch'))) allowed.add(above);
    return allowed;
  };
  const faults = [];
  for (const file of files('lib', '.js')) {
    const parts = path.relative('lib', file).split(path.sep);
    const own = parts.length > 1 ? parts[0] : null;
    const source = fs.readFileSync(path.join(ROOT, file), 'utf8').replaceAll(/^\s*(?:\*|\/\/|\/\*).*$/gm, '');
    for (const [, name] of source.matchAll(/\brequire\('(\.[^']*)'\)/g)) {
      const target = path
        .relative(path.join(ROOT, 'lib'), path.resolve(ROOT, path.dirname(file), name))
        .split(path.sep);
      if (target[0] === '..' || target.length === 1) {
        if (
          /binding(\.js)?$/.test(name) &&
          !['lib/native.js', 'lib/analyzer-binding.js'].includes(file) &&
          !/analyzer-binding/.test(name)
        )
          faults.push(`${file} loads ${name}`);
        continue;
      }
      if (own === null || !allowedBy(own).has(target[0])) faults.push(`${file} imports ${name}`);
    }
  }
  assert.deepEqual(faults, []);
});
