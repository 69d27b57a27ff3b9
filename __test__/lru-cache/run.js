'use strict';
// npm run test:lru-cache [-- --dir DIR] [--file NAME]: runs lru-cache's own tests against LRUCache, assertion by
// assertion.
//
// The package has no tests in it, so they come from a checkout of its repository: DIR, or by default a clone of the version
// that node_modules has, from the address in its package.json. A failure is an error unless differences.js names it, or
// lru-cache itself fails there too: its tests may be of another version, and run on what stands for its test runner.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const esbuild = require('esbuild');
const { differences, leftOut } = require('./differences.js');

const TAP = path.join(__dirname, 'tap.mjs');
const SUBJECT = path.join(__dirname, 'subject.mjs');
const EXPOSE = path.join(__dirname, 'expose.mjs');
const LONGEST_MS = 120_000;
const print = (line) => process.stdout.write(`${line}\n`);

const installed = JSON.parse(
  fs.readFileSync(path.join(__dirname, '..', '..', 'node_modules', 'lru-cache', 'package.json'), 'utf8'),
);

/** A checkout of lru-cache's repository. @param {string} into where it is cloned */
function clone(into) {
  const { version, repository } = installed;
  const address = repository.url.replace(/^git\+/, '').replace(/^(ssh:\/\/)?git@([^:/]+)[:/]/, 'https://$2/');
  const { status } = spawnSync(
    'git',
    ['clone', '--quiet', '--depth', '1', '--branch', `v${version}`, '--', address, into],
    { stdio: 'inherit' },
  );
  if (status !== 0) throw new Error(`${address} cannot be cloned: give a checkout of it, -- --dir DIR`);
  return into;
}

/** Has a test file import what stands for its test runner, the package and the package's internals. */
const replaceImports = {
  name: 'replace-imports',
  setup(build) {
    build.onResolve({ filter: /.*/ }, ({ path: name, kind }) => {
      if (kind === 'entry-point') return undefined;
      const replacement = name === 'tap' ? TAP : name.includes('fixtures/expose') ? EXPOSE : isSubject(name) && SUBJECT;
      if (replacement) return { path: replacement, external: true };
      return kind === 'dynamic-import' || !name.startsWith('.') ? { path: name, external: true } : undefined;
    });
  },
};

/** Whether a test that imports this means the class. */
function isSubject(name) {
  return /^(\.\.\/(src|dist\/[a-z]+\/node)\/index(\.min)?\.js|lru-cache(\/raw)?)$/.test(name);
}

/** Writes `file` as JavaScript beside the others that it may import. */
async function translate(file, into) {
  const outfile = path.join(into, `${path.basename(file, path.extname(file))}.js`);
  await esbuild.build({
    entryPoints: [file],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    plugins: [replaceImports],
    logLevel: 'silent',
  });
  return outfile;
}

/** @returns {{ name: string, ok: boolean, why?: string }[]} the assertions of a test file */
function assertions(file, snapshots, control) {
  const { stdout, stderr, signal } = spawnSync(process.execPath, ['--expose-gc', file], {
    env: { ...process.env, LRU_CACHE_SNAPSHOTS: snapshots, LRU_CACHE_CONTROL: control ? '1' : '' },
    encoding: 'utf8',
    timeout: LONGEST_MS,
    maxBuffer: 2 ** 28,
  });
  const results = stdout
    .split('\n')
    .filter((line) => line.startsWith('{"name"'))
    .map((line) => JSON.parse(line));
  if (!stdout.includes('{"ended":true}')) {
    const why = signal ?? stderr.split('\n').find((line) => /Error/.test(line)) ?? 'ended too early';
    results.push({ name: 'the file', ok: false, why });
  }
  return results;
}

/** Names that occur more than once in a file get a number. */
function number(results) {
  const seen = new Map();
  return results.map((result) => {
    const count = (seen.get(result.name) ?? 0) + 1;
    seen.set(result.name, count);
    return count === 1 ? result : { ...result, name: `${result.name} (${count})` };
  });
}

/** How many assertions of a file hold, and why the others do not. `theirs`: those that fail for lru-cache itself. */
function judge(file, results, theirs) {
  const sums = { held: 0, internal: 0, theirs: 0, unknown: 0 };
  for (const { name, ok, why } of results) {
    const difference = differences[file]?.[name];
    if (ok) sums.held++;
    else if (difference !== undefined) sums.internal++;
    else if (theirs().has(name)) sums.theirs++;
    else {
      print(`FAILS    ${file} > ${name}: ${why}`);
      sums.unknown++;
    }
  }
  for (const name of Object.keys(differences[file] ?? {})) {
    const result = results.find((each) => each.name === name);
    if (result === undefined || result.ok) {
      print(`HOLDS    ${file} > ${name}: differences.js names it`);
      sums.unknown++;
    }
  }
  return sums;
}

async function main() {
  const { values } = parseArgs({
    options: { dir: { type: 'string' }, file: { type: 'string' } },
  });
  const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-lru-cache-'));
  try {
    const dir = path.resolve(values.dir ?? clone(path.join(temporary, 'clone')));
    const into = path.join(__dirname, 'translated');
    fs.mkdirSync(into, { recursive: true });
    const files = fs
      .readdirSync(path.join(dir, 'test'))
      .filter((name) => /\.(ts|mjs)$/.test(name) && (values.file === undefined || values.file === name));
    const run = files.filter((name) => leftOut[name] === undefined);
    for (const name of files) if (leftOut[name] !== undefined) print(`left out ${name}: ${leftOut[name]}`);
    const total = { held: 0, internal: 0, theirs: 0, unknown: 0 };
    for (const name of run) await translate(path.join(dir, 'test', name), into);
    for (const name of run) {
      const translated = path.join(into, `${path.basename(name, path.extname(name))}.js`);
      const snapshots = path.join(dir, 'tap-snapshots', 'test', `${name}.test.cjs`);
      const results = (control) => number(assertions(translated, snapshots, control));
      let failures = null;
      const theirs = () =>
        (failures ??= new Set(
          results(true)
            .filter(({ ok }) => !ok)
            .map((each) => each.name),
        ));
      const sums = judge(name, results(false), theirs);
      for (const kind of Object.keys(total)) total[kind] += sums[kind];
    }
    fs.rmSync(into, { recursive: true });
    const all = Object.values(total).reduce((sum, count) => sum + count, 0);
    print(
      `${total.held} of ${all} assertions of lru-cache's tests hold for LRUCache, in ${run.length} files; ${total.internal} ask for internals, ${total.theirs} fail for lru-cache ${installed.version} too, ${total.unknown} fail`,
    );
    if (all === 0 || total.unknown > 0) process.exitCode = 1;
  } finally {
    fs.rmSync(temporary, { recursive: true, force: true });
  }
}

main();
