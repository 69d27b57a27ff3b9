'use strict';
// What a leak is recognized by from run to run, and the known leaks of published packages.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { signatureOf } = require('../../lib/report/signature.js');
const { recognized, isIn, KNOWN } = require('../../lib/report/known-leaks.js');

/** What the analyzer finds in a program that uses each of these packages (their programs: bench/leaks.js). */
const FOUND = {
  debug: { cause: 'array', name: 'createDebug.instances', holder: 'function createDebug', file: 'src/common.js' },
  mem: { cause: 'weak', name: 'cacheStore', holder: 'closure app.js:4', file: 'index.js' },
  'express-session': { cause: 'object', name: 'sessions', holder: 'object MemoryStore', file: 'session/memory.js' },
  'graphql-tag': { cause: 'map', name: 'docCache', holder: 'closure gql', file: 'src/index.ts' },
  winston: {
    cause: 'listeners',
    name: 'uncaughtException',
    holder: 'process',
    file: 'lib/winston/exception-handler.js',
  },
  'source-map': { cause: 'buffers', name: 'memory', holder: 'object Object', file: 'lib/wasm.js' },
};
const suspectIn = (name, version, folder = '/srv/app') => ({
  ...FOUND[name],
  file: `${folder}/node_modules/${name}/${FOUND[name].file}`,
  line: 12,
  package: { name, version },
});

const own = { cause: 'map', name: 'sessions', holder: 'object Store', file: '/srv/app/src/session.js', line: 12 };
const manifests = { '/srv/app/package.json': { name: 'shop' }, '/home/me/app/package.json': { name: 'shop' } };
const inApp = (file) => manifests[file] ?? null;

test('the same leak has one signature: in another folder, at another line, on Windows', () => {
  const signature = signatureOf(own, inApp);
  assert.match(signature, /^[0-9a-f]{16}$/);
  const same = [{ line: 99 }, { file: '/home/me/app/src/session.js' }, { bytes: 1, ids: [5] }];
  for (const change of same) assert.equal(signatureOf({ ...own, ...change }, inApp), signature);
  const nested = '/srv/app/node_modules/a/node_modules/@scope/name/lib/x.js';
  const windows = 'C:\\app\\node_modules\\@scope\\name\\lib\\x.js';
  assert.equal(signatureOf({ ...own, file: nested }), signatureOf({ ...own, file: windows }));
});

test('another leak has another one', () => {
  const others = [
    { cause: 'set' },
    { name: 'users' },
    { holder: 'object Cache' },
    { file: '/srv/app/src/user.js' },
    { file: null },
  ];
  const signatures = [{}, ...others].map((change) => signatureOf({ ...own, ...change }, inApp));
  assert.equal(new Set(signatures).size, signatures.length);
});

test('the same file and variable in another application is another leak', () => {
  const other = signatureOf(own, (file) => (file === '/srv/app/package.json' ? { name: 'blog' } : null));
  assert.notEqual(other, signatureOf(own, inApp));
  // One without a name, or that is no JSON, is where the paths begin.
  const nameless = signatureOf(own, (file) => (file === '/srv/app/package.json' ? {} : null));
  assert.equal(new Set([other, nameless, signatureOf(own, inApp)]).size, 3);
});

test('a package of a workspace has the signature that it has once it is installed', (t) => {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-signature-')));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.mkdirSync(path.join(dir, 'packages/name/lib'), { recursive: true });
  fs.writeFileSync(path.join(dir, 'packages/name/package.json'), '{"name":"@scope/name","version":"1.0.0"}');
  const here = signatureOf({ ...own, file: path.join(dir, 'packages/name/lib/x.js') });
  assert.equal(here, signatureOf({ ...own, file: '/srv/app/node_modules/@scope/name/lib/x.js' }));
});

test('what is around a package has no part in its signature', () => {
  const [one, other] = ['closure app.js:4', 'closure lookup'].map((holder) => ({
    ...suspectIn('mem', '3.0.1'),
    holder,
  }));
  assert.equal(signatureOf(one), signatureOf(other));
  assert.equal(signatureOf(one), signatureOf(suspectIn('mem', '3.0.2', '/other')));
});

test('nothing is looked for on another machine', () => {
  const asked = [];
  signatureOf({ ...own, file: '//server/share/x.js' }, (file) => void asked.push(file));
  signatureOf({ ...own, file: 'node:events' }, (file) => void asked.push(file));
  assert.deepEqual(asked, []);
});

test('known leaks are recognized up to the version that fixed them', () => {
  for (const { package: name, fixedIn, url } of KNOWN) {
    const found = recognized(suspectIn(name, '1.2.3')).knownLeak;
    assert.equal(found?.url, url, name);
    if (fixedIn === null) continue;
    assert.match(found.text, new RegExp(`fixed in ${fixedIn.replaceAll('.', '\\.')}: update`));
    assert.equal(recognized(suspectIn(name, fixedIn)).knownLeak, undefined);
  }
  assert.equal(KNOWN.length, Object.keys(FOUND).length);
  assert.equal(recognized({ ...suspectIn('mem', '3.0.1'), name: 'other' }).knownLeak, undefined);
});

test('versions are compared by their numbers', () => {
  const cases = { '4.1.9': true, '4.2.0': false, '4.10.0': false, '3.99.0': true, '4.2.0-rc.1': false, '': false };
  for (const [version, expected] of Object.entries(cases)) assert.equal(isIn(version, '<4.2.0'), expected, version);
  assert.equal(isIn('9.0.0', '*'), true);
});
