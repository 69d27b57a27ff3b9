'use strict';
// Every output with redaction on is searched for every labelled secret of a program.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { requireNative } = require('../../lib/native.js');
const { analyze } = require('../../lib/report/analyze.js');
const { buildReport } = require('../../lib/report/report.js');
const { renderHtml } = require('../../lib/report/html.js');
const { render } = require('../../lib/report/terminal.js');
const { renderSummary } = require('../../lib/report/summary.js');

const PROGRAM = path.join(__dirname, '../children/labelled-secrets.js');
/** Longer than any secret in any form. */
const AROUND = 160;
const swapped = (bytes) => Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16();

/** How a text may be written: the bytes to look for, and how to read what stands there. */
function* formsOf(mark) {
  yield [Buffer.from(mark), (bytes) => bytes.toString('latin1')];
  yield [Buffer.from(mark, 'utf16le'), (bytes) => bytes.toString('utf16le')];
  yield [swapped(Buffer.from(mark, 'utf16le')), (bytes) => swapped(bytes).toString('utf16le')];
  yield [
    Buffer.from(Buffer.from(mark).toString('hex')),
    (bytes) => Buffer.from(bytes.toString('latin1'), 'hex').toString('latin1'),
  ];
  yield [
    Buffer.from([...mark].map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).join('')),
    (bytes) =>
      bytes.toString('latin1').replaceAll(/\\u(....)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16))),
  ];
  for (let before = 0; before < 3; before++) {
    // What stands before shifts the letters: the part that does not depend on it is looked for.
    const lost = Math.ceil((before * 4) / 3);
    const core = Buffer.from('.'.repeat(before) + mark)
      .toString('base64')
      .replace(/=+$/, '')
      .slice(lost, -2);
    yield [
      Buffer.from(core),
      (bytes) =>
        Buffer.from('A'.repeat(lost) + bytes.toString('latin1'), 'base64')
          .toString('latin1')
          .replace(/^[^q]+/, 'q'),
    ];
  }
}

/** The numbers of the secrets in some bytes, each with what stands there. */
function* secretsIn(bytes, mark) {
  for (const [wanted, read] of formsOf(mark)) {
    for (let at = bytes.indexOf(wanted); at !== -1; at = bytes.indexOf(wanted, at + 1)) {
      const text = read(bytes.subarray(at, at + AROUND));
      const number = /_(\d+)_/.exec(text)?.[1];
      yield [number, `${bytes.subarray(Math.max(0, at - 60), at).toString('latin1')}${text}`];
    }
  }
}

/** The labels of the secrets in the files of a directory, each with where it stands; and how many places each file has. */
function leaksIn(dir, mark, labels) {
  const leaks = new Map();
  const places = {};
  for (const name of fs.readdirSync(dir)) {
    const raw = fs.readFileSync(path.join(dir, name));
    for (const bytes of name.endsWith('.gz') ? [raw, zlib.gunzipSync(raw)] : [raw]) {
      for (const [number, place] of secretsIn(bytes, mark)) {
        const label = labels[number] ?? 'a part of a secret';
        const kind = name.replace(/^Heap\.[^a-z]*/, '');
        places[kind] = (places[kind] ?? 0) + 1;
        if (!leaks.has(label)) leaks.set(label, `${name}: ${place.slice(0, 140)}`);
      }
    }
  }
  return { leaks, places };
}

/** Runs the program and makes every view of what it left. */
async function outputsOf(t, redacted) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-labels-'));
  t.after(() => fs.rmSync(home, { recursive: true, force: true }));
  const out = path.join(home, 'out');
  fs.mkdirSync(out);
  const mark = `q${crypto.randomBytes(6).toString('hex')}`;
  const env = {
    ...process.env,
    MARK: mark,
    OUT: out,
    LABELS: path.join(home, 'labels.json'),
    REDACTED: redacted ? '1' : '0',
  };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [PROGRAM], { env, cwd: home });
  const { taken, state: file } = JSON.parse(stdout);
  fs.writeFileSync(path.join(out, 'stderr.txt'), stderr);
  const state = JSON.parse(requireNative().readState(file));
  state.verdict.state = 'leak';
  state.verdict.channel = 'heap';
  const analysis = await analyze(taken, { sourceRoots: [home] });
  const report = buildReport({ state, analysis });
  const views = {
    'report.json': JSON.stringify(report),
    'report.html': renderHtml(report, { sourceRoots: [home] }),
    'report.txt': render(report, { width: 200 }),
    'analysis.json': JSON.stringify(analysis),
    'analysis.html': renderHtml(analysis, { sourceRoots: [home] }),
    'summary.txt': renderSummary(analysis.summary),
  };
  for (const [name, text] of Object.entries(views)) fs.writeFileSync(path.join(out, name), text);
  return { out, mark, labels: JSON.parse(fs.readFileSync(env.LABELS, 'utf8')), views, report };
}

test('no output shows a secret, whatever it was planted in', async (t) => {
  const { out, mark, labels, views, report } = await outputsOf(t, true);
  assert.ok(labels.length >= 150, `${labels.length} secrets`);
  assert.equal(new Set(labels).size, labels.length, 'each has a label of its own');
  const { leaks } = leaksIn(out, mark, labels);
  assert.deepEqual(
    [...leaks].map(([label, place]) => `${label} in ${place}`),
    [],
  );
  // What leads to the leak is there all the same.
  assert.equal(report.redacted, true);
  const suspect = report.suspects.find(({ name }) => name === 'leaked');
  assert.deepEqual([suspect?.cause, path.basename(suspect?.file ?? ''), suspect?.line], ['map', 'leaky.js', 6]);
  for (const name of ['report.html', 'analysis.html'])
    assert.match(
      views[name],
      /const leaked = new Map\(\[\[&#39;…&#39;, &#96;…&#96;\]\]\); \/\/…/,
      `${name} quotes the line, without its data`,
    );
  assert.ok(
    report.trackers.some(({ name }) => name.endsWith(': drain')),
    'an event that the code names stays',
  );
});

test('the search finds them where nothing is redacted', async (t) => {
  const { out, mark, labels } = await outputsOf(t, false);
  const { leaks: found, places } = leaksIn(out, mark, labels);
  const missed = labels.filter((label) => !found.has(label));
  t.diagnostic(`not shown without redaction either: ${missed.join(', ')}`);
  // Of each output: what is not in it is no proof that it is redacted.
  const outputs = [
    'heapsnapshot',
    'heapprofile',
    'sites.json',
    'stats.json',
    'metrics.json',
    'published.state',
    'report.json',
    'report.html',
    'report.txt',
    'analysis.html',
  ];
  assert.deepEqual(
    outputs.filter((name) => !places[name]),
    [],
    JSON.stringify(places),
  );
  assert.ok(found.size > labels.length * 0.9, `${found.size} of ${labels.length}; not: ${missed.join(', ')}`);
});
