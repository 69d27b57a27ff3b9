'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { main } = require('../../lib/cli/main.js');
const { leakReport } = require('../support/reports.js');

const BINARY = process.env.PLIMSOLL_SCAN ?? path.join(__dirname, '../../scan/target/release/plimsoll-scan');
const missing = !fs.existsSync(BINARY) && 'not built: cargo build --release --manifest-path scan/Cargo.toml';

async function cli(env, ...args) {
  const io = {
    env,
    out: '',
    err: '',
    stdout: { write: (text) => (io.out += text) },
    stderr: { write: (text) => (io.err += text) },
  };
  const code = await main(['scan', ...args], io);
  return { code, ...io };
}

function folder(t, files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-scan-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  return dir;
}

const FILES = {
  'a.js': 'const cache = new Map();\nexports.get = (key) => cache.set(key, 1);\n',
  'src/b.ts': 'const seen: string[] = [];\nexport function see(id: string): void { seen.push(id); }\n',
  'src/broken.js': 'const = ;',
  'src/readme.md': 'const cache = new Map();',
  'node_modules/x/index.js': 'const cache = new Map();\nexports.get = (key) => cache.set(key, 1);\n',
};

test('findings with file and line; dependencies and what is no source are left out', { skip: missing }, async (t) => {
  const dir = folder(t, FILES);
  const { code, out } = await cli({ PLIMSOLL_SCAN: BINARY }, '--json', dir);
  const { findings, read, unread } = JSON.parse(out);
  assert.equal(code, 0);
  assert.deepEqual(
    findings.map(({ file, line, cause, name, grows }) => [path.relative(dir, file), line, cause, name, grows]),
    [
      ['a.js', 1, 'map', 'cache', false],
      ['src/b.ts', 1, 'array', 'seen', false],
    ],
  );
  assert.deepEqual([read, unread], [2, 1]);
});

test('what grows in a report comes first', { skip: missing }, async (t) => {
  const dir = folder(t, FILES);
  const report = leakReport();
  Object.assign(report.suspects[0], { name: 'seen', file: path.join(dir, 'src/b.ts'), line: 1, sites: [] });
  const file = path.join(dir, 'r.json');
  fs.writeFileSync(file, JSON.stringify(report));
  const { out } = await cli({ PLIMSOLL_SCAN: BINARY }, '--report', file, dir);
  assert.match(out, /^\S*src\/b\.ts:1 {2}array `seen` {2}GROWS in the report\n.*\n\S*a\.js:1 {2}Map `cache`\n/);
  assert.match(out, /2 places to look at in 2 files; 1 could not be read/);
});

test('what is missing is said', async (t) => {
  const dir = folder(t, {});
  const gone = await cli({ PLIMSOLL_SCAN: path.join(dir, 'none') }, dir);
  assert.equal(gone.code, 1);
  assert.match(gone.err, /PLIMSOLL_SCAN/);
  assert.equal((await cli({}, path.join(dir, 'nowhere'))).code, 2);
  assert.match((await cli({}, '--report', path.join(dir, 'nowhere.json'), dir)).err, /nowhere\.json/);
});

test(
  'a binary that is another program, or none, is an error with its name',
  { skip: process.platform === 'win32' && 'has no sh' },
  async (t) => {
    const dir = folder(t, FILES);
    const program = (name, text, mode) => {
      const file = path.join(dir, name);
      fs.writeFileSync(file, text, { mode });
      return file;
    };
    for (const [file, message] of [
      [program('chatty', '#!/bin/sh\necho hello\n', 0o755), /chatty printed something else than findings/],
      [program('mute', '#!/bin/sh\n', 0o755), /mute failed: exit code 0/],
      [program('failing', '#!/bin/sh\necho broken >&2; exit 7\n', 0o755), /failing failed: broken/],
      [program('text', 'no program', 0o644), /text did not start/],
    ]) {
      const { code, out, err } = await cli({ PLIMSOLL_SCAN: file }, dir);
      assert.deepEqual([code, out], [1, '']);
      assert.match(err, message);
    }
  },
);
