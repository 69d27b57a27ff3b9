'use strict';
// The packages as npm installs them: packed, into an empty project, without Rust.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { version } = require('../../package.json');
const { addAnalyzer, makeScanPackages, scannerOf } = require('../../scripts/platform-packages.js');

const ROOT = path.join(__dirname, '../..');
const BIN = path.join(__dirname, 'node_modules/.bin');
// One for the file: packing and installing takes its time.
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-pack-'));
test.after(() => fs.rmSync(work, { recursive: true }));

const npm = (cwd, ...args) => execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const sizeOf = (name) => fs.statSync(path.join(ROOT, name)).size;
const pack = (folder) => path.join(work, JSON.parse(npm(folder, 'pack', '--json', '--pack-destination', work))[0].filename);
/** The target of the binary that was built here: `linux-x64-gnu` and the like. */
const [, platform] = fs.readdirSync(ROOT).map((name) => /^plimsoll\.(.+)\.node$/.exec(name)).find(Boolean);

const BINARY = `plimsoll.${platform}.node`;
const ANALYZER = `plimsoll-analyzer.${platform}.node`;
const main = pack(ROOT);
// The napi CLI writes beside a package.json: not into the working tree.
fs.copyFileSync(path.join(ROOT, 'package.json'), path.join(work, 'package.json'));
fs.mkdirSync(path.join(work, 'npm'));
execFileSync(path.join(ROOT, 'node_modules/.bin/napi'), ['create-npm-dirs'], { cwd: work, stdio: 'ignore' });
const platformFolder = path.join(work, 'npm', platform);
fs.copyFileSync(path.join(ROOT, BINARY), path.join(platformFolder, BINARY));
addAnalyzer(work, ROOT);
const binary = pack(platformFolder);

// The scanner: built here, or by an earlier run.
const BUILT_SCANNER = path.join(ROOT, 'scan/target/release', process.platform === 'win32' ? 'plimsoll-scan.exe' : 'plimsoll-scan');
execFileSync('cargo', ['build', '--release', '--quiet', '--manifest-path', path.join(ROOT, 'scan/Cargo.toml')], { stdio: 'ignore' });
fs.copyFileSync(BUILT_SCANNER, path.join(work, scannerOf(platform)));
makeScanPackages(work, work);
const scanner = pack(path.join(work, 'npm-scan', platform));

/** A project with these tarballs in it, and neither cargo nor a registry at hand. */
function project(name, ...tarballs) {
  const folder = path.join(work, name);
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private": true}');
  npm(folder, 'install', '--offline', '--no-audit', '--no-fund', ...tarballs);
  return (...args) => spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', env: { PATH: path.dirname(process.execPath) } });
}

test('the package holds what it needs, the binary that was built here, no test and no source of the native side', () => {
  const names = execFileSync('tar', ['tzf', main], { encoding: 'utf8' }).split('\n');
  for (const name of ['index.js', 'index.mjs', 'index.d.ts', 'index.d.mts', 'register.js', 'binding.js', 'bin/plimsoll.js', 'lib/report/page.css', 'docs/report.schema.json', 'LICENSE', 'README.md']) assert.ok(names.includes(`package/${name}`), name);
  assert.deepEqual(names.filter((name) => /\.node$|\.rs$|__test__|^package\/(bench|scripts|src|target)\//.test(name)).toSorted(), [`package/${ANALYZER}`, `package/${BINARY}`]);
});

test('the binary that a service loads is 3 MiB at most, both together 8 MiB', () => {
  assert.ok(sizeOf(BINARY) <= 3 * 2 ** 20);
  assert.ok(sizeOf(BINARY) + sizeOf(ANALYZER) <= 8 * 2 ** 20);
});

test('installed from the tarballs, without Rust, all of it works', () => {
  // As published: the binary comes with the platform's package alone.
  const node = project('whole', main, binary);
  for (const name of [BINARY, ANALYZER]) fs.rmSync(path.join(work, 'whole/node_modules/plimsoll', name));
  const cjs = node('-e', "const p = require('plimsoll'); const m = new p.BoundedMap({ max: 1 }); m.set(1, 1).set(2, 2); const w = p.watch(); const { state } = w.stats().verdict; w.stop(); console.log(m.size, state)");
  assert.equal(cjs.stdout, '1 too-early\n', cjs.stderr);
  const esm = node('--input-type=module', '-e', "import p, { BoundedMap } from 'plimsoll'; import { collectMetrics } from 'plimsoll/prometheus'; import { observeMetrics } from 'plimsoll/opentelemetry'; console.log(p.BoundedMap === BoundedMap, typeof collectMetrics, typeof observeMetrics)");
  assert.equal(esm.stdout, 'true function function\n', esm.stderr);
  assert.equal(node('--import', 'plimsoll/register', '-e', 'console.log(1)').stdout, '1\n');
  const analyzed = node('-e', "const p = require('plimsoll'); p.takeSnapshot().then(({ path }) => p.analyze([path])).then(({ snapshots: [{ nodes }] }) => console.log(nodes > 1000))");
  assert.equal(analyzed.stdout, 'true\n', analyzed.stderr);
  assert.equal(node('node_modules/plimsoll/bin/plimsoll.js', '--version').stdout, `${version}\n`);
});

test('plimsoll scan runs from the package of its platform, and says which one is missing', () => {
  const { optionalDependencies } = JSON.parse(fs.readFileSync(path.join(work, 'package.json'), 'utf8'));
  assert.deepEqual(optionalDependencies, { [`plimsoll-scan-${platform}`]: version });
  const source = { 'src/a.js': 'const cache = new Map();\nexports.get = (key) => cache.set(key, 1);\n' };
  const scan = (name, ...tarballs) => {
    project(name, main, binary, ...tarballs);
    const cwd = path.join(work, name);
    fs.mkdirSync(path.join(cwd, 'src'));
    for (const [file, text] of Object.entries(source)) fs.writeFileSync(path.join(cwd, file), text);
    const PATH = [path.dirname(process.execPath), '/usr/bin', '/bin'].join(path.delimiter);
    const npx = (...args) => spawnSync('npx', ['--offline', 'plimsoll', ...args], { cwd, encoding: 'utf8', env: { PATH, HOME: work } });
    return { found: npx('scan', 'src'), doctor: JSON.parse(npx('doctor', '--json').stdout) };
  };
  const { found, doctor } = scan('scanned', scanner);
  assert.equal(found.status, 0, found.stderr);
  assert.match(found.stdout, /src\/a\.js:1 {2}Map `cache`/);
  assert.equal(doctor['static scan'], 'on');
  const without = scan('unscanned');
  assert.equal(without.found.status, 1);
  assert.match(without.found.stderr, new RegExp(`it is in the package plimsoll-scan-${process.platform}-${process.arch}`));
  assert.match(without.doctor['static scan'], /^off: plimsoll-scan is not installed/);
});

test('the scanner is 4 MiB at most', () => {
  assert.ok(fs.statSync(BUILT_SCANNER).size <= 4 * 2 ** 20);
});

test('without a binary: the service starts, the caches work, the error says what to do', () => {
  const node = project('bare', main);
  for (const name of [BINARY, ANALYZER]) fs.rmSync(path.join(work, 'bare/node_modules/plimsoll', name));
  const caches = node('-e', "const { BoundedMap } = require('plimsoll'); console.log(new BoundedMap({ max: 1 }).size)");
  assert.equal(caches.stdout, '0\n', caches.stderr);
  const watch = node('-e', "try { require('plimsoll').watch() } catch ({ code, message }) { console.log(code, message) }");
  assert.match(watch.stdout, /^ERR_PLIMSOLL_BINDING .*--include=optional/, watch.stderr);
  const preload = node('--import', 'plimsoll/register', '-e', 'console.log("served")');
  assert.equal(preload.stdout, 'served\n');
  assert.match(preload.stderr, /ERR_PLIMSOLL_BINDING/);
});

test('publint and attw find nothing', () => {
  for (const [tool, ...args] of [
    ['publint', 'run', main, '--strict'],
    ['attw', main, '--no-emoji'],
  ]) {
    const { status, stdout, stderr } = spawnSync(path.join(BIN, tool), args, { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  }
});
