'use strict';
// Redacted snapshots: no data survives, and what leads to a leak does.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { takeSnapshot } = require('../../index.js');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { native } = require('../../lib/native.js');
const { convertSnapshot } = require('../../lib/report/convert.js');
const { programs } = require('../causes/programs.js');
const { runProgram } = require('../causes/run.js');
const { judge, uncounted } = require('../causes/judge.js');
const { seeded } = require('../causes/names.js');
const { temporaryDir, parse } = require('../children/snapshot-support.js');

const { image: unsupported } = native.snapshotSupport();
const methods = unsupported ? ['in-process'] : ['fork', 'in-process'];
const PROGRAM = path.join(__dirname, '../children/secrets.js');

/** A word that nothing else holds; its digits make a number that a double and a key can be. */
const mark = () => `q${crypto.randomBytes(6).toString('hex')}`;

/** The mark as it may stand in a file. */
function formsOf(word) {
  const foreign = [...word].map((letter) => letter.codePointAt(0) + 0x400);
  return [
    word,
    [...word].toReversed().join(''),
    String.fromCodePoint(...foreign),
    foreign.map((point) => `\\u${point.toString(16).padStart(4, '0')}`).join(''),
    foreign.map((point) => `\\u${point.toString(16).padStart(4, '0').toUpperCase()}`).join(''),
    [...word].map((letter) => `\\u00${letter.codePointAt(0).toString(16)}`).join(''),
    Buffer.from(word).toString('base64').slice(0, -2),
    Buffer.from(word).toString('hex'),
    String(Number.parseInt(word.slice(1), 16)),
  ];
}

/** What stands around each place of `form`, taken as it is: in a pattern `\\u0451` would be a letter. */
function placesOf(form, text) {
  const places = [];
  for (let at = text.indexOf(form); at >= 0; at = text.indexOf(form, at + 1))
    places.push(text.slice(Math.max(0, at - 80), at + 40));
  return places;
}

function snapshotOf(word, options) {
  const file = execFileSync(process.execPath, [PROGRAM, JSON.stringify(options)], {
    encoding: 'utf8',
    env: { ...process.env, MARK: word },
  });
  const bytes = fs.readFileSync(file);
  return (file.endsWith('.gz') ? zlib.gunzipSync(bytes) : bytes).toString('utf8');
}

for (const method of methods) {
  test(`no secret survives, ${method}`, async (t) => {
    const word = mark();
    const dir = temporaryDir(t);
    const plain = snapshotOf(word, { dir, method });
    const forms = formsOf(word);
    assert.ok(plain.split(word).length > 1000, 'the search finds them where they are');
    assert.ok(
      [forms[2], forms[3], forms[4]].some((form) => plain.includes(form)),
      'foreign ones too',
    );
    const redacted = snapshotOf(word, { dir, method, redact: true, compress: 'gzip' });
    assert.deepEqual(
      forms.flatMap((form) => placesOf(form, redacted)),
      [],
    );
    assert.equal(redacted.includes('123456789'), false, 'nor a key that is a number');
    for (const file of fs.readdirSync(dir)) {
      if (!file.includes('.heapsnapshot'))
        assert.equal(
          fs.readFileSync(path.join(dir, file), 'latin1').includes(word) && file !== 'module.mjs',
          false,
          file,
        );
    }
  });
}

test('no secret survives in the snapshot of a heap image', { skip: unsupported ?? false }, async (t) => {
  const word = mark();
  const dir = temporaryDir(t);
  const image = execFileSync(process.execPath, [PROGRAM, JSON.stringify({ dir, method: 'image' })], {
    encoding: 'utf8',
    env: { ...process.env, MARK: word },
  });
  const [plain, redacted] = ['plain', 'redacted'].map((name) => path.join(dir, `${name}.heapsnapshot`));
  await convertSnapshot(image, plain);
  await convertSnapshot(image, redacted, { redact: true });
  assert.ok(fs.readFileSync(plain, 'utf8').split(word).length > 1000, 'the search finds them where they are');
  const text = fs.readFileSync(redacted, 'utf8');
  assert.deepEqual(
    formsOf(word).flatMap((form) => placesOf(form, text)),
    [],
  );
  assert.equal(text.includes('123456789'), false, 'nor a key that is a number');
  assert.ok(JSON.parse(text).strings.includes('accountName'), 'the names of the code stay');
});

test('the graph, the sizes and the names of the code stay', async (t) => {
  const dir = temporaryDir(t);
  const [plain, redacted] = [{}, { redact: true }].map((more) =>
    JSON.parse(snapshotOf(mark(), { dir, method: 'in-process', ...more })),
  );
  assert.deepEqual(redacted.snapshot.meta, plain.snapshot.meta);
  const { node_count: nodes } = plain.snapshot;
  assert.ok(Math.abs(redacted.snapshot.node_count - nodes) < nodes * 0.02);
  assert.equal(redacted.nodes.length, redacted.snapshot.node_count * redacted.snapshot.meta.node_fields.length);
  assert.equal(redacted.edges.length, redacted.snapshot.edge_count * redacted.snapshot.meta.edge_fields.length);
  const names = new Set(redacted.strings);
  for (const name of [
    'plantedSecrets',
    'accountName',
    'Account',
    'check',
    '#pin',
    'close',
    'token',
    'ledger',
    'fromSource',
    '_events',
    '_onTimeout',
    '<symbol Symbol.toStringTag>',
    'system / Context',
    '(GC roots)',
    PROGRAM,
  ]) {
    assert.ok(names.has(name), name);
  }
  const shown = redacted.strings.filter((text) => /^\(length \d+\)$/.test(text));
  assert.ok(shown.length > 1000);
  // Every name that is a hash or a length in place of a known one makes the dump harder to read.
  const kinds = redacted.snapshot.meta.edge_types[0];
  const named = { all: 0, hashed: 0 };
  for (let at = 0; at < redacted.edges.length; at += 3) {
    if (kinds[redacted.edges[at]] !== 'property') continue;
    named.all++;
    if (redacted.strings[redacted.edges[at + 1]].startsWith('redacted-')) named.hashed++;
  }
  t.diagnostic(`${named.hashed} of ${named.all} property edges are hashed, 2000 of them keys of one dictionary`);
  assert.ok(named.hashed < named.all / 4);
});

test('a key has the same hash in all snapshots of a process, and another in another process', async (t) => {
  const dir = temporaryDir(t);
  globalThis.dictionary = { 'a key of data': {} };
  const hashes = async () => {
    const { path: file } = await takeSnapshot({ dir, cooldown: 0, method: 'in-process', redact: true });
    return new Set(parse(file).strings.filter((text) => text.startsWith('redacted-')));
  };
  const [first, second] = [await hashes(), await hashes()];
  const common = [...first].filter((hash) => second.has(hash)).length;
  assert.ok(common > first.size * 0.9, `${common} of ${first.size}`);
  const other = JSON.parse(snapshotOf(mark(), { dir, method: 'in-process', redact: true }));
  assert.deepEqual(
    other.strings.filter((text) => first.has(text)),
    [],
  );
});

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

test(`a leak is named by file, line and variable in redacted snapshots (SEED=${seed})`, async (t) => {
  const random = seeded(seed);
  const causes = ['map: class field', 'object: ', 'closure', 'listeners', 'timers'];
  const chosen = causes.map((cause) =>
    programs.find(({ title, expect }) => title.startsWith(cause) && expect !== null),
  );
  for (const program of chosen) {
    const { dir, snapshots, expect } = await runProgram(program, {
      random,
      take: { method: methods[0], redact: true },
    });
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const { suspects } = JSON.parse(
      await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ leastGrowth: 0 })),
    );
    // An event's name is data: it is hashed like the keys of a dictionary. So is a large index, which a timer's delay is.
    const judged = uncounted({
      ...expect,
      delay: undefined,
      // By the event's name the call that adds is found in the source: without it the site has no function.
      ...(program.title.startsWith('listeners') && { name: ['redacted-'], adder: undefined }),
    });
    assert.equal(judge(suspects, judged), null, `${program.title}: ${JSON.stringify({ expect, suspects }, null, 1)}`);
    assert.doesNotMatch(suspects[0].name, / ms$/, 'a delay that is not so');
  }
});

test("an ES module's binding is named without its file, which is data of the module", async (t) => {
  const program = programs.find(({ kind }) => kind === 'esm');
  const { dir, snapshots, expect } = await runProgram(program, {
    random: seeded(1),
    take: { method: methods[0], redact: true },
  });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const [{ cause, name }] = JSON.parse(
    await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ leastGrowth: 0 })),
  ).suspects;
  assert.deepEqual([cause, name], [expect.cause[0], expect.name[0]]);
});

test("a leak in a `data:` module is the program's, redacted or not, and not one of Node's own", async (t) => {
  const module = "const kept = new Map(); export const add = (i) => kept.set(i, { text: 'x'.repeat(100) + i });";
  const source = `const { add } = await import('data:text/javascript,' + encodeURIComponent(${JSON.stringify(module)}));\nawait drive((i) => add(i));\n`;
  for (const redact of [false, true]) {
    const { dir, snapshots } = await runProgram(
      { title: 'data', kind: 'esm', files: { 'main.mjs': source }, expect: null },
      { random: seeded(3), take: { method: methods[0], redact } },
    );
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const [{ cause, advice, file }] = JSON.parse(await requireAnalyzer().analyzeSnapshots(snapshots)).suspects;
    assert.equal(cause, 'map');
    assert.doesNotMatch(advice, /clearMarks/);
    if (redact) assert.match(file, /^redacted-/);
  }
});
