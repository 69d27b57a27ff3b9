'use strict';
// npm run test:test262: how many of test262's expectations of Map a BoundedMap meets, and why not the others.
//
// By default the expectations of ours, each tried on this Node's own Map too. `--dir DIR`, a checkout of
// tc39/test262 (it is in no package registry), runs the real files.

const path = require('node:path');
const vm = require('node:vm');
const { parseArgs } = require('node:util');
const { expectations } = require('./expectations.js');
const { boundedMap, judgeNative, differs } = require('./subject.js');

const FOLDERS = ['test/built-ins/Map', 'test/built-ins/MapIteratorPrototype'];

/** @returns {string | null} why it does not hold */
function failure(expectation, Map) {
  try {
    expectation(Map);
    return null;
  } catch (error) {
    return String(error?.message ?? error).split('\n')[0];
  }
}

/** @param {boolean} [open] whether iterations are left open meanwhile */
function ours(open = false) {
  return Object.entries(expectations).map(([name, expectation]) => ({
    name,
    why: failure(expectation, boundedMap(open)),
    native: judgeNative((own) => failure(expectation, own)),
  }));
}

/** Methods that this Node's own Map does not have yet. */
const LACKING = ['getOrInsert', 'getOrInsertComputed', 'groupBy'].filter(
  (method) => Map[method] === undefined && Map.prototype[method] === undefined,
);
const print = (line) => process.stdout.write(`${line}\n`);
const ignore = () => {};

/** A test file in a function of this realm: BoundedMap's errors are of this realm. */
function runFile(contents) {
  const $262 = { createRealm: () => ({ global: vm.runInNewContext('globalThis') }), global: globalThis };
  return failure(
    (subject) => vm.compileFunction(contents, ['Map', 'print', '$262'])(subject, ignore, $262),
    boundedMap(),
  );
}

async function real(dir) {
  const { default: TestStream } = await import('test262-stream');
  const results = [];
  for await (const { file, contents, attrs } of new TestStream(path.resolve(dir), {
    paths: FOLDERS,
    omitRuntime: false,
  })) {
    if (attrs.negative !== undefined || attrs.flags.async || attrs.flags.module)
      throw new Error(`${file}: of a kind that Map's tests did not have; teach run.js`);
    const name = path.posix.relative(FOLDERS[0], file);
    results.push({ name, why: runFile(contents), native: null });
  }
  return results;
}

async function main() {
  const { values } = parseArgs({ options: { dir: { type: 'string' } } });
  const results = values.dir === undefined ? ours() : await real(values.dir);
  const failed = results.filter(({ why }) => why !== null);
  for (const { name, why } of failed)
    print(differs(name) === undefined ? `FAILS    ${name}: ${why}` : `differs  ${name}: ${differs(name)}`);
  const unlike = results.filter(({ native }) => native !== null).length;
  if (unlike > 0)
    print(
      `${results.length - unlike} of ${results.length} hold for this Node's own Map, which lacks ${LACKING.join(', ') || 'nothing'}`,
    );
  print(
    `${results.length - failed.length} of ${results.length} expectations of Map hold for BoundedMap on Node ${process.versions.node}`,
  );
  if (results.length === 0 || failed.some(({ name }) => differs(name) === undefined)) process.exitCode = 1;
}

if (require.main === module) main();
module.exports = { ours, LACKING };
