'use strict';
// plimsoll analyze as a user runs it: its outputs, its inputs, what it refuses.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { main } = require('../../lib/cli/main.js');
const { programs } = require('../causes/programs.js');
const { runProgram } = require('../causes/run.js');
const { judge } = require('../causes/judge.js');
const { seeded } = require('../causes/names.js');
const { parseReport } = require('../../lib/report/schema.js');
const { violations } = require('../support/reports.js');

const bin = path.join(__dirname, '../../bin/plimsoll.js');
const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const random = seeded(seed);
const program = programs.find(({ title }) => title === 'object: instance, null prototype, strings');
let made;
test.before(async () => (made = await runProgram(program, { random })));
test.after(() => fs.rmSync(made.dir, { recursive: true, force: true }));
const inDir = (name) => path.join(made.dir, name);

/** Runs the command in this process. */
async function plimsoll(args, { isTTY = false } = {}) {
  const streams = { stdout: '', stderr: '' };
  const io = { env: {} };
  for (const name of ['stdout', 'stderr']) io[name] = { write: (text) => (streams[name] += text), isTTY, columns: 120 };
  const code = await main(['analyze', ...args], io);
  return { code, ...streams };
}

test(`three snapshots: a leak, on the terminal, as JSON and as a page, in whole files (SEED=${seed})`, async () => {
  const { expect, snapshots } = made;
  const printed = await plimsoll(snapshots);
  assert.equal(printed.code, 3);
  assert.match(
    printed.stdout,
    new RegExp(
      `^plimsoll: memory leak\\n  growth +heap .*explained \\d+ %.*\\n  1\\. object .${expect.name[0]}.*${path.basename(expect.file)}:\\d+`,
    ),
  );
  assert.doesNotMatch(printed.stdout, /by constructor/);

  const json = await plimsoll(['--json', ...snapshots]);
  assert.equal(json.code, 3);
  const report = parseReport(json.stdout, 'stdout');
  assert.equal(judge(report.suspects, expect), null);
  assert.deepEqual(violations(report), []);

  for (const args of [['--json', inDir('r.json')], [`--json=${inDir('odd-name')}`]]) {
    const file = args.at(-1).replace('--json=', '');
    const written = await plimsoll([...args, '--html', inDir('r.html'), ...snapshots]);
    assert.match(written.stdout, /report .*r\.html/);
    assert.equal(judge(parseReport(fs.readFileSync(file, 'utf8'), file).suspects, expect), null);
    const page = fs.readFileSync(inDir('r.html'), 'utf8');
    assert.ok(page.includes(expect.name[0]) && page.includes('By constructor') && page.endsWith('</html>\n'));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }
  assert.deepEqual(
    fs.readdirSync(made.dir).filter((name) => name.includes('partial')),
    [],
  );
  const nowhere = await plimsoll(['--html', inDir('none/r.html'), ...snapshots]);
  assert.deepEqual([nowhere.code, /cannot be written to .*none/.test(nowhere.stderr)], [2, true]);
});

const read = async (...files) => JSON.parse((await plimsoll(['--json', '--top', '1000', ...files])).stdout);

test('what grew is no more than the heap did, and no constructor keeps more than there is', async () => {
  const [first, , last] = made.snapshots;
  const { summary, suspects } = await read(...made.snapshots);
  const grown = summary.bytes - (await read(first)).summary.bytes;
  // What is old may have gone meanwhile: a tenth.
  assert.ok(suspects[0].bytes <= 1.1 * grown, `${suspects[0].bytes} of ${grown}`);
  for (const { name, retained } of (await read(last)).summary.constructors)
    assert.ok(retained <= summary.bytes, `${name}: ${retained} of ${summary.bytes}`);
});

test('one snapshot: suspects by size, not proven, and what it holds', async () => {
  const [, , last] = made.snapshots;
  const { code, stdout } = await plimsoll([last]);
  assert.equal(code, 0);
  assert.match(stdout, /^plimsoll: one snapshot: 1 suspect by size; three snapshots are needed to show growth\n/);
  assert.match(stdout, new RegExp(`1\\. object .${made.expect.name[0]}.*\\(\\d+ % of the heap, not proven\\)`));
  for (const title of ['by retaining path', 'by constructor', 'by package']) assert.ok(stdout.includes(title));

  const { summary } = JSON.parse((await plimsoll(['--json', '--top', '50', last])).stdout);
  const holder = summary.holders.find(({ name }) => made.expect.name.includes(name));
  const way = await plimsoll(['--path', `@${holder.id}`, last]);
  assert.match(way.stdout, new RegExp(`^${holder.constructor} @${holder.id}, .*\\n(?:.*\\n)*.*${holder.name}`));
  assert.equal(
    JSON.parse((await plimsoll(['--json', '--path', String(holder.id), last])).stdout).retained,
    holder.retained,
  );
  assert.ok(JSON.parse((await plimsoll(['--json', '--top', '2', last])).stdout).summary.constructors.length <= 2);
});

test('shapes that are often a mistake are listed with their places', async (t) => {
  const odd = {
    title: 'shapes',
    kind: 'cjs',
    expect: null,
    files: {
      'main.js': `
    const $sparse = new Array(20_000);
    const $kept = [];
    const $texts = [];
    for (let i = 0; i < 20_000; i += 2000) $sparse[i] = {};
    (function $scope() { const $data = Array.from({ length: 200_000 }, (_, k) => k + 0.5); $kept.push(function $huge() { return $data.length; }); })();
    for (let i = 0; i < 2000; i++) $texts.push(JSON.parse('["the same text, created again each time"]')[0]);
    for (let i = 0; i < 300; i++) { const timer = setInterval(() => i, 1e6); timer.payload = 'x'.repeat(100) + i; $kept.push(timer); clearInterval(timer); timer._onTimeout = () => i; }
    drive(() => [$sparse, $kept, $texts]);`,
    },
  };
  const {
    dir,
    snapshots: [file],
  } = await runProgram(odd, { random, rounds: 1, steps: 1 });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const report = parseReport((await plimsoll(['--json', '--top', '50', '--source-root', dir, file])).stdout, 'stdout');
  assert.deepEqual(violations(report), []);
  const of = (kind) => report.summary.shapes.find((shape) => shape.kind === kind);
  const text = fs.readFileSync(path.join(dir, 'main.js'), 'utf8').split('\n');
  const lineOf = (part) => text.findIndex((line) => line.includes(part)) + 1;
  const huge = report.summary.shapes.find(({ kind, line }) => kind === 'huge-closure' && line === lineOf('function'));
  assert.deepEqual([huge.file, huge.bytes > 1e6], [path.join(dir, 'main.js'), true]);
  const sparse = of('sparse-array');
  assert.deepEqual([sparse.elements, sparse.line, text[0].includes(`const ${sparse.name} =`)], [10, 1, true]);
  assert.ok(of('duplicated-string').count >= 2000, JSON.stringify(report.summary.shapes));
  assert.ok(of('zombie-timer').count >= 300);
});

test('source outside the working directory is not opened unless a folder is given', async () => {
  const { expect, snapshots } = made;
  const noteOf = async (...args) => {
    const { notes } = parseReport((await plimsoll(['--json', ...args, ...snapshots])).stdout, 'stdout');
    return notes.find((each) => each.includes('not read'));
  };
  assert.match(
    await noteOf(),
    new RegExp(
      `^source outside the working directory was not read \\(\\S*${path.basename(expect.file)}.*--source-root DIR`,
    ),
  );
  assert.equal(await noteOf('--source-root', made.dir), undefined);
});

test('on a terminal it says how far it is, and takes it back', async () => {
  const { stderr } = await plimsoll(made.snapshots, { isTTY: true });
  assert.ok(stderr.endsWith('\r\x1b[K'));
  assert.equal((await plimsoll(made.snapshots)).stderr, '');
});

test('a pipe, compressed and not, reads as the file does', async () => {
  const text = fs.readFileSync(made.snapshots[2]);
  const inputs = {
    plain: text,
    gzip: zlib.gzipSync(text),
    ...(zlib.zstdCompressSync && { zstd: zlib.zstdCompressSync(text) }),
  };
  const expected = JSON.parse((await plimsoll(['--json', made.snapshots[2]])).stdout);
  for (const [how, input] of Object.entries(inputs)) {
    const child = spawn(process.execPath, [bin, 'analyze', '--json', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
    child.stdin.end(input);
    const chunks = await child.stdout.toArray();
    const report = JSON.parse(Buffer.concat(chunks).toString());
    assert.deepEqual([report.summary, report.suspects], [expected.summary, expected.suspects], how);
    assert.equal(report.snapshots[0].bytes, how === 'plain' ? text.length : null, how);
  }
  const child = spawn(process.execPath, [bin, 'analyze', '-'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.end();
  const [said, [code]] = await Promise.all([child.stderr.toArray(), once(child, 'close')]);
  assert.deepEqual([code, /the snapshot is empty/.test(Buffer.concat(said).toString())], [1, true]);
});

test('wrong usage is reported at once', async () => {
  const [file] = made.snapshots;
  const cases = [
    [[], /one to 3 names of heap snapshots; 0 were given\./],
    [[file, file, file, file], /one to 3 names of heap snapshots; 4 were given\./],
    [[file, ''], /; number 2 is ""\./],
    [['-', '-'], /only one .* standard input/],
    [['--top', '0', file], /--top must be a whole number from 1 to 1000/],
    [['--path', 'x', file], /--path must be/],
    [['--path', '4294967295', file], /no object of the snapshot has the id 4294967295/],
    [['--jsno', file], /did you mean --json\?/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await plimsoll(args);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.match(stderr, message);
  }
  const missing = await plimsoll([file, inDir('none')]);
  assert.deepEqual([missing.code, /check its path/.test(missing.stderr)], [1, true]);
});
