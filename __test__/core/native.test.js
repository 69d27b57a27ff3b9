'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { napi, version } = require('../../package.json');
const { native, requireNative } = require('../../lib/native.js');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { explainLoadError, PLATFORMS } = require('../../lib/load-error.js');

test('the binding loads and is of the version of the package', () => {
  assert.equal(native.version(), version);
  assert.equal(requireNative(), native);
});

test('the binary of a service has no analyzer, and the analyzer is a binary of its own', () => {
  assert.equal(requireAnalyzer().version(), version);
  assert.equal(typeof requireAnalyzer().analyzeSnapshots, 'function');
  assert.equal(requireAnalyzer().watchStart, undefined);
  assert.equal(native.analyzeSnapshots, undefined);
});

test('PLIMSOLL_DISABLE=1 turns the native side off with a typed error', () => {
  const script = `
    const { native, requireNative } = require(${JSON.stringify(path.join(__dirname, '../../lib/native.js'))});
    try { requireNative(); } catch (error) { process.stdout.write(JSON.stringify([native, error.code, error instanceof Error])); }`;
  const out = execFileSync(process.execPath, ['-e', script], { env: { ...process.env, PLIMSOLL_DISABLE: '1' } });
  assert.deepEqual(JSON.parse(out), [null, 'ERR_PLIMSOLL_DISABLED', true]);
});

/** What binding.js throws after it tried these, the last one first in the chain. */
const failed = (...tried) => tried.reduce((cause, message) => Object.assign(new Error(message), { cause }), undefined);
const explain = (...tried) => explainLoadError(failed(...tried));
const NOT_FOUND = [
  "Cannot find module './plimsoll.linux-x64-gnu.node'\nRequire stack:\n- /app/node_modules/plimsoll/binding.js",
  "Cannot find module 'plimsoll-linux-x64-gnu'\nRequire stack:\n- /app/node_modules/plimsoll/binding.js",
  "Cannot find module './plimsoll.wasi.cjs'",
  "Cannot find module 'plimsoll-wasm32-wasi'",
  'Cannot find native binding. npm has a bug related to optional dependencies',
];

test('what did not load is explained, with what to do', () => {
  assert.match(
    explain(...NOT_FOUND),
    /not installed: it is in the package plimsoll-linux-x64-gnu.*npm ci --include=optional/,
  );
  assert.match(
    explain(...NOT_FOUND.map((message) => message.replaceAll('x64-gnu', 'arm64-musl'))),
    /package plimsoll-linux-arm64-musl/,
  );
  const old =
    "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by /app/node_modules/plimsoll-linux-x64-gnu/plimsoll.linux-x64-gnu.node)";
  assert.match(
    explain(NOT_FOUND[0], old, ...NOT_FOUND.slice(2)),
    /GLIBC_2\.34' not found.*Use a newer system or base image/,
  );
  assert.match(
    explain('/app/plimsoll.linux-x64-gnu.node: invalid ELF header', ...NOT_FOUND.slice(1)),
    /invalid ELF header\)\. If node_modules was copied/,
  );
  const analyzer = [
    '../plimsoll-analyzer.linux-x64-gnu.node',
    'plimsoll-linux-x64-gnu/plimsoll-analyzer.linux-x64-gnu.node',
  ].map((place) => `Cannot find module '${place}'\nRequire stack:\n- /app/lib/analyzer-binding.js`);
  assert.match(explain(...analyzer), /not installed: it is in the package plimsoll-linux-x64-gnu/);
  assert.match(explainLoadError(undefined, 'Nothing works.'), /^there is no native binary for .* Nothing works\.$/);
  const nowhere = NOT_FOUND.map((message) => message.replaceAll('linux-x64-gnu', 'freebsd-x64'));
  assert.match(explain(...nowhere), /^there is no native binary for .*linux-x64-gnu, /);
});

test('the platforms are those that are built', async () => {
  const { parseTriple } = await import('@napi-rs/cli');
  assert.deepEqual(PLATFORMS.toSorted(), napi.targets.map((target) => parseTriple(target).platformArchABI).toSorted());
});
