'use strict';
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const zlib = require('node:zlib');
const { main } = require('../../lib/cli/main.js');
const { gather } = require('../../lib/fleet/gather.js');
const { renderTerminal } = require('../../lib/fleet/terminal.js');
const { s3Source } = require('../../lib/fleet/s3.js');
const { fleetReport, AT } = require('../support/fleet-report.js');

const MB = 2 ** 20;
const HOUR = 3_600_000;
/** Control and format characters, but not the ends of lines. */
const UNPRINTABLE = /[^\P{C}\n]/u;

/** A folder with these files; an object is a report. */
function folderOf(t, files) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-fleet-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    const isText = typeof content === 'string' || Buffer.isBuffer(content);
    fs.writeFileSync(path.join(folder, name), isText ? content : JSON.stringify(content));
  }
  return folder;
}

async function cli(...args) {
  const io = {
    env: {},
    out: '',
    err: '',
    stdout: { write: (text) => (io.out += text) },
    stderr: { write: (text) => (io.err += text) },
  };
  return { code: await main(['fleet', ...args], io), out: io.out, err: io.err };
}

test('a fleet whose suspects have no signature is not said to be without leaks', async (t) => {
  const folder = folderOf(t, { 'old.json': JSON.stringify(fleetReport({ suspect: { signature: null } })) });
  const text = renderTerminal(await gather([folder]));
  assert.match(text, /^no leak with a signature in 1 process \(1 report\)/);
});

test('two leaks in three processes are two entries', async (t) => {
  const folder = folderOf(t, {
    'a/one.json': fleetReport({ pod: 'a', rate: MB }),
    'b/one.json': fleetReport({ pod: 'b', rate: 3 * MB, release: '1.10.0', afterMs: HOUR }),
    'b/two.json': fleetReport({ pod: 'b', rate: 5 * MB, release: '1.10.0', afterMs: 2 * HOUR }),
    'c/one.json.gz': zlib.gzipSync(JSON.stringify(fleetReport({ pod: 'c', leak: 1, release: '1.9.0' }))),
  });
  const fleet = await gather([folder]);
  assert.deepEqual(fleet.notes, []);
  assert.deepEqual([fleet.reports, fleet.processes, fleet.leaking], [4, 3, 3]);
  assert.deepEqual(fleet.releases, ['1.0.0', '1.9.0', '1.10.0']);
  const [first, second] = fleet.leaks;
  assert.equal(fleet.leaks.length, 2);
  assert.deepEqual([first.name, first.processes, first.ofProcesses], ['sessions0', 2, 3]);
  // The latest report of each process: 1 and 5 MB.
  const { median, worst, worstProcess } = first.bytesPerMinute;
  assert.deepEqual([median, worst, worstProcess.pod], [3 * MB, 5 * MB, 'b']);
  assert.deepEqual(first.since, { release: '1.0.0', previous: null });
  assert.deepEqual(second.since, { release: '1.9.0', previous: '1.0.0' });
  assert.equal(first.firstSeen, new Date(AT + 60_000).toISOString());
  assert.equal(first.lastSeen, new Date(AT + 60_000 + 2 * HOUR).toISOString());
  assert.deepEqual([first.file, first.line], ['/app/src/sessions0.js', 3]);
});

test('the evidence is that of the report that shows most, not of the latest', async (t) => {
  const folder = folderOf(t, {
    'a.json': fleetReport({ pod: 'a', suspect: { proven: true, instance: { type: 'Session', id: 1, retained: 1 } } }),
    'b.json': fleetReport({ pod: 'b', afterMs: HOUR, suspect: { path: [], sites: [] } }),
  });
  const [leak] = (await gather([folder])).leaks;
  assert.deepEqual([leak.report, leak.instance], [path.join(folder, 'a.json'), 'Session']);
});

test('a container that restarts with the same pid is another process', async (t) => {
  const folder = folderOf(t, { 'a.json': fleetReport(), 'b.json': fleetReport({ startMs: AT + 4 * HOUR }) });
  assert.equal((await gather([folder])).processes, 2);
});

test('a post-mortem is of the process that ended, whenever it is written', async (t) => {
  const after = fleetReport({ afterMs: 9 * HOUR, report: { postMortem: { startedAt: new Date(AT).toISOString() } } });
  after.uptimeMs = HOUR;
  assert.equal((await gather([folderOf(t, { 'a.json': fleetReport(), 'b.json': after })])).processes, 1);
});

test('a healthy process counts among the processes, and its suspects do not', async (t) => {
  const steady = fleetReport({ pod: 'b' });
  steady.verdict.state = 'steady';
  const { leaks } = await gather([folderOf(t, { 'a.json': fleetReport(), 'b.json': steady })]);
  assert.deepEqual([leaks.length, leaks[0].processes, leaks[0].ofProcesses], [1, 1, 2]);
});

test('releases that are no versions are ordered by their first report', async (t) => {
  const folder = folderOf(t, {
    'a.json': fleetReport({ pod: 'a', release: 'beta', afterMs: HOUR }),
    'b.json': fleetReport({ pod: 'b', release: 'zeta', leak: 1 }),
  });
  const fleet = await gather([folder]);
  assert.deepEqual(fleet.releases, ['zeta', 'beta']);
  assert.deepEqual(fleet.leaks.find(({ name }) => name === 'sessions0').since, { release: 'beta', previous: 'zeta' });
});

const BAD = {
  'empty.json': ['', /is empty$/],
  'truncated.json': [JSON.stringify(fleetReport()).slice(0, 300), /is truncated or damaged/],
  'text.json': ['hello', /is not JSON$/],
  'null.json': ['null', /is not a report of plimsoll$/],
  'later.json': ['{"schema":"plimsoll.report/2"}', /has the schema "plimsoll.report\/2"; this version reads/],
  'damaged.json': ['{"schema":"plimsoll.report/1","suspects":3}', /is a damaged report$/],
  'bomb.json.gz': [zlib.gzipSync(Buffer.alloc(9 * MB, 32)), /cannot be decompressed/],
  'large.json': [Buffer.alloc(9 * MB, 32), /more than the 8388608/],
  'again.json': [JSON.stringify(fleetReport({ pod: 'good' }), null, 2), /is the same report as|$/],
};

test('each report that cannot be used is one line, and the others count', async (t) => {
  const contents = Object.entries(BAD).map(([name, [content]]) => [name, content]);
  const folder = folderOf(t, { 'good.json': fleetReport({ pod: 'good' }), ...Object.fromEntries(contents) });
  const { reports, notes, leaks } = await gather([folder]);
  assert.deepEqual([reports, leaks.length, leaks[0].processes], [1, 1, 1]);
  assert.equal(notes.length, Object.keys(BAD).length, notes.join('\n'));
  for (const [name, [, expected]] of Object.entries(BAD)) {
    if (name === 'again.json') continue;
    const lines = notes.filter((note) => note.startsWith(path.join(folder, name)));
    assert.equal(lines.length, 1, name);
    assert.match(lines[0], expected);
  }
  assert.equal(notes.filter((note) => note.includes('is the same report as')).length, 1);
});

test('values of any type and depth in a report harm nothing', async (t) => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  const odd = fleetReport({
    suspect: { name: { toString: 1 }, file: 7, line: -1, path: [null, {}], sites: 'x', package: 3, cause: [] },
    report: { process: 'p', at: 9, uptimeMs: 'x', snapshots: [null], pid: 1.5 },
  });
  const folder = folderOf(t, {
    'odd.json': odd,
    'deep.json': JSON.stringify(fleetReport({ pod: 'deep' })).replace('"series":{', `"series":{"x":${deep},`),
    'proto.json': JSON.stringify(fleetReport({ pod: '__proto__', suspect: { signature: '__proto__' } })),
  });
  const fleet = await gather([folder]);
  assert.equal(fleet.reports, 3, fleet.notes.join('\n'));
  assert.deepEqual(fleet.notes, ['1 suspect has no signature: an earlier version made the report']);
  assert.equal(fleet.unsigned, 1);
});

test('a leak without a suspect is a leak, and the only suspect has the rate of the verdict', async (t) => {
  const verdict = { state: 'leak', channel: 'external', bytesPerMinute: 7e6 };
  const unnamed = fleetReport({ pod: 'a' });
  const [suspect] = unnamed.suspects;
  const named = { ...unnamed, verdict, suspects: [{ ...suspect, bytesPerMinute: null }] };
  const folder = folderOf(t, { 'a.json': JSON.stringify({ ...unnamed, verdict, suspects: [] }) });
  const { code, out, err } = await cli(folder);
  assert.equal(code, 3, out);
  assert.match(out, /^no leak with a suspect in 1 process/);
  assert.match(err, /a\.json reports a leak \(external\) without a suspect/);
  const { leaks } = await gather([folderOf(t, { 'b.json': JSON.stringify(named) })]);
  assert.equal(leaks[0].bytesPerMinute.median, 7e6);
});

test('names are text: neither markup nor terminal escapes', async (t) => {
  const hostile = '\u001b[2J</style><script>alert(1)</script>\u202e\n';
  const folder = folderOf(t, {
    'a.json': fleetReport({
      pod: hostile,
      release: hostile,
      suspect: { name: hostile, file: `/${hostile}`, path: [hostile], advice: hostile },
    }),
    'evil\u001b[2J.json': '{',
  });
  const page = path.join(folder, 'page.html');
  const { code, out, err } = await cli(folder, '--html', page);
  assert.equal(code, 3);
  assert.doesNotMatch(out + err, UNPRINTABLE);
  const html = fs.readFileSync(page, 'utf8');
  assert.doesNotMatch(html, UNPRINTABLE);
  assert.doesNotMatch(html, /<script/);
  assert.match(html, /&lt;script&gt;/);
  assert.match(html, /Content-Security-Policy/);
});

test('a report dated hours after its file has the time of the file', async (t) => {
  const folder = folderOf(t, { 'a.json': fleetReport({ afterMs: 5 * HOUR }), 'b.json': fleetReport({ pod: 'b' }) });
  for (const name of ['a.json', 'b.json']) fs.utimesSync(path.join(folder, name), AT / 1000 + 60, AT / 1000 + 60);
  const { notes, leaks } = await gather([folder]);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /a\.json is dated 5 h after its file was written; the file's time counts$/);
  assert.deepEqual([leaks[0].processes, leaks[0].lastSeen], [2, new Date(AT + 60_000).toISOString()]);
});

test('links, fifos and deep folders do not hang it', { skip: process.platform === 'win32' }, async (t) => {
  const deep = `${Array(40).fill('d').join('/')}/deep.json`;
  const folder = folderOf(t, { 'a.json': fleetReport(), [deep]: fleetReport({ pod: 'deep' }) });
  fs.symlinkSync(folder, path.join(folder, 'loop'));
  fs.symlinkSync('/dev/zero', path.join(folder, 'zero.json'));
  const fifo = path.join(folder, 'fifo.json');
  assert.equal(spawnSync('mkfifo', [fifo]).status, 0);
  const { reports, notes } = await gather([folder, fifo]);
  assert.equal(reports, 1);
  assert.deepEqual(
    notes.map((note) => /(is a symbolic link|is not a regular file|is deeper)/.exec(note)?.[1]).toSorted(),
    ['is a symbolic link', 'is deeper', 'is not a regular file', 'is not a regular file'],
  );
});

test('globs name files, ** at any depth', async (t) => {
  const folder = folderOf(t, {
    'api/x/one.json': fleetReport({ pod: 'a' }),
    'api/two.json': fleetReport({ pod: 'b' }),
    'web/three.json': fleetReport({ pod: 'c' }),
  });
  const count = async (glob) => (await gather([path.join(folder, glob)])).reports;
  assert.deepEqual(
    await Promise.all(['api/**/*.json', '*/t*.json', '**/[ot]??.json', 'api/*.txt'].map(count)),
    [2, 2, 2, 0],
  );
});

test('the command prints the leaks, and each view goes where it is asked for', async (t) => {
  const folder = folderOf(t, { 'a.json': fleetReport() });
  const { code, out } = await cli(folder);
  assert.equal(code, 3);
  assert.match(
    out,
    /^1 leak in 1 of 1 process \(1 report\)\n\nMap sessions0\n {2}where +\/app\/src\/sessions0\.js:3\n/,
  );
  const json = await cli(folder, '--json');
  assert.equal(JSON.parse(json.out).leaks[0].signature, '0'.repeat(16));
  const empty = await cli(folderOf(t, {}));
  assert.deepEqual([empty.code, empty.err], [1, 'plimsoll: no report was found in the source.\n']);
  const missing = await cli(path.join(folder, 'missing'));
  assert.equal(missing.code, 2);
  assert.match(missing.err, /missing" cannot be read \(ENOENT\); give a folder, a glob/);
  assert.equal((await cli()).code, 2);
});

test('s3 pages are followed, and a store that refuses is one line', async () => {
  const stored = { 'p/a.json': fleetReport(), 'p/b.json': fleetReport({ pod: 'b' }), 'p/x.heapsnapshot': {} };
  const keys = Object.keys(stored);
  const sdk = {
    ListObjectsV2Command: class {
      constructor(input) {
        this.list = input;
      }
    },
    GetObjectCommand: class {
      constructor(input) {
        this.get = input;
      }
    },
    S3Client: class {
      destroy() {}
      async send({ list, get }) {
        if (list?.Bucket === 'closed') throw Object.assign(new Error('no'), { name: 'AccessDenied' });
        if (get) return { Body: { transformToByteArray: async () => Buffer.from(JSON.stringify(stored[get.Key])) } };
        const at = Number(list.ContinuationToken ?? 0);
        const NextContinuationToken = at + 1 < keys.length ? String(at + 1) : undefined;
        return { Contents: [{ Key: keys[at], Size: 9, LastModified: new Date(AT) }], NextContinuationToken };
      }
    },
  };
  const skipped = [];
  const skip = (...line) => skipped.push(line.join(' '));
  const names = [];
  for await (const { name, read, modifiedMs } of s3Source('s3://bucket/p', skip, sdk)) {
    names.push(name);
    assert.equal(JSON.parse(await read()).schema, 'plimsoll.report/1');
    assert.equal(modifiedMs(), AT);
  }
  assert.deepEqual(names, ['s3://bucket/p/a.json', 's3://bucket/p/b.json']);
  for await (const _ of s3Source('s3://closed/p', skip, sdk)) assert.fail('nothing is listed');
  assert.deepEqual(skipped, ['s3://closed/p cannot be listed (AccessDenied)']);
});
