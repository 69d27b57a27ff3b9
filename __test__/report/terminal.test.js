'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { stripVTControlCharacters } = require('node:util');
const fc = require('../helpers/fast-check.js');
const { render } = require('../../lib/report/terminal.js');
const { leakReport, steadyReport } = require('../support/reports.js');

const cwd = '/srv/app';
const CONTROL = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u;

test('a leak reads as the design shows it', () => {
  const text = render(leakReport(), { width: 100, cwd, files: ['/srv/app/plimsoll-19211-001.html'] });
  assert.equal(
    text,
    `\
plimsoll: heap leak, +3.1 MB/min over 33 min, 2 h 10 min to the limit of 512 MB
  growth    heap 58 to 160 MB, +102 MB in 33 min (+3.1 MB/min); explained 99 %, not explained 1 MB
            (512 KB compiled code)
  1. Map \`sessions\`               src/session.js:12  +48,213 entries  +96 MB (94 %)
     retained by   module src/session.js > sessions
     instance      Session @90211, retains 2 KB
     allocated by  login (src/routes/login.js:41) 91 %
     try           new BoundedMap({ max: 10_000, ttl: 300_000 })
  2. listeners of \`bus 'change'\`  src/bus.js:3       +901 listeners   +5 MB (5 %)
     retained by   module src/bus.js > bus > _events > change
     instance      ServerResponse @91007, retains 5.5 KB, held by (entry) > onChange() > res
     added by      (anonymous) (server.js:9) 901
     try           bus.off('change', listener) when the request ends, or bus.on(..., { signal })
  refused   no room for a snapshot: 420 MB are needed, 212 MB are there
  snapshot  Heap.20261121.075039.19211.0.001.heapsnapshot (forked, 12 ms pause, 40 MB)
  snapshot  Heap.20261121.081739.19211.0.002.heapsnapshot (in process, 1.8 s pause, 61 MB)
  snapshot  Heap.20261121.081939.19211.0.003.heapsnapshot (forked, 17 ms pause, 71 MB)
  report    plimsoll-19211-001.html
  cache     users: 1,000 of 1,000 entries, 3 % hits, full, with a hit ratio below 50 %: raise max,
            or remove the cache
  cache     src/cache.js:4: 12 of 500 entries, 99 % hits, its bound was never reached
  tracked   listeners of bus 'change': 1,902 (+901), onRequest (server.js:9) 1,900
  exit      ended by plimsoll after the duration
  note      allocation sampling was off: another profiler uses V8's
`,
  );
});

test('the files that were written have their sizes, and the commands that open and delete them', () => {
  const report = leakReport();
  report.snapshots = report.snapshots.slice(0, 1);
  report.allocation.profile = "/srv/app/it's a.heapprofile";
  const files = ['/srv/app/report.json', '/srv/app/-r.html'];
  const text = render(report, { width: 100, cwd, files, sizeOf: (file) => file.length * 1024 });
  assert.match(text, /snapshot {2}Heap\.\S+001\.heapsnapshot \(forked,/);
  assert.match(text, /\n {2}profile {3}it's a\.heapprofile \(27 KB\)\n {2}report {4}report\.json \(20 KB\)\n/);
  assert.match(text, /\n {2}open {6}\S+( "")? \.\/-r\.html\n/);
  const quoted = process.platform === 'win32' ? `"it's a.heapprofile"` : String.raw`'it'\''s a.heapprofile'`;
  assert.ok(text.includes(`001.heapsnapshot ${quoted} report.json ./-r.html\n`), text);
  const ofFiles = {
    ...report,
    allocation: null,
    snapshots: report.snapshots.map((each) => ({ ...each, method: 'file' })),
  };
  assert.doesNotMatch(render(ofFiles, { cwd, files, sizeOf: () => 1 }), /\n {2}delete/, 'snapshots of the user stay');
  assert.doesNotMatch(render(report, { cwd, files }), /\n {2}(open|delete) /);
});

test('no command names a snapshot that is removed', () => {
  const report = leakReport();
  const [first, second] = report.snapshots;
  report.snapshots = [{ ...first, removed: true }, second];
  const text = render(report, { width: 100, cwd, sizeOf: () => 1 });
  assert.match(text, /001\.heapsnapshot \(forked, [^)]*, removed\)\n/);
  assert.match(text, /\n {2}delete {4}\S+ Heap\.\S+002\.heapsnapshot\n/);
  report.snapshots = [{ ...first, pauseMs: null, removed: true }];
  assert.match(render(report, { width: 100, cwd }), /001\.heapsnapshot \(forked, file of 40 MB, removed\)\n/);
  assert.doesNotMatch(render(report, { width: 100, cwd, sizeOf: () => 1 }), /\n {2}delete /);
});

/** Of an anonymous function in line 3 of the server. */
const siteAt = (column, share) => ({ function: null, file: '/srv/app/server.js', line: 3, column, share });

/** The sites that the terminal shows of a suspect with these. */
function sitesShown(sites) {
  const [suspect] = leakReport().suspects;
  return render({ ...leakReport(), suspects: [{ ...suspect, sites }] }, { width: 100, cwd }).match(
    /(?<=allocated by {2}).*/g,
  );
}

test('places in one line of source are one site; an unknown site is not listed beside known ones', () => {
  const unknown = { function: null, file: null, line: null, column: null, share: 0.03 };
  assert.deepEqual(
    sitesShown([siteAt(168, 0.5), { ...siteAt(1, 0.2), function: 'login' }, siteAt(19, 0.25), unknown]),
    ['(anonymous) (server.js:3) 75 %', 'login (server.js:3) 20 %'],
  );
  assert.deepEqual(sitesShown([unknown]), ['(anonymous) 3 %']);
});

test('a suspect without a name has its kind', () => {
  const [suspect] = leakReport().suspects;
  const titleOf = (cause) =>
    render({ ...leakReport(), suspects: [{ ...suspect, cause, name: '' }] }, { width: 100, cwd }).match(
      /(?<=1\. ).*?(?= {2}src)/,
    )[0];
  assert.deepEqual(['promises', 'listeners', 'map', 'other'].map(titleOf), ['promises', 'listeners', 'Map', 'objects']);
});

test('a leak of native memory says how much of it Node counts, or that no snapshot shows it', () => {
  const report = leakReport();
  const shown = (nativeBytes) => {
    report.suspects = [{ ...report.suspects[0], bytes: null, share: null, nativeBytes }];
    return render(report, { width: 200, cwd });
  };
  assert.match(shown(24 * 2 ** 20), /^ {5}native {8}\+24 MB, as Node counts it for these objects; libraries .* more$/m);
  assert.match(shown(0), /^ {5}native {8}not known: a snapshot does not show the native memory of these objects$/m);
  assert.doesNotMatch(shown(undefined), /^ {5}native/m);
});

test('each state has its sentence', () => {
  const MB = 2 ** 20;
  const figures = { bytesPerMinute: 2 * MB, limitBytes: 512 * MB, msToLimit: 3_600_000, observedMs: 900_000 };
  const expected = {
    leak: /heap leak, \+2 MB\/min over 15 min, 1 h to the limit of 512 MB$/,
    suspect: /suspected heap leak, \+2 MB\/min/,
    warming: /warming up, \+2 MB\/min .*; growth slows down$/,
    'follows-load': /heap follows the load, .*no leak$/,
    slow: /slow growth of heap, \+2 MB\/min/,
    fragmentation: /fragmentation of heap: committed, but not used/,
    filling: /bounded cache is still filling.*no leak$/,
    steady: /steady for 15 min, no leak$/,
    'too-early': /too early to tell, watched for 15 min$/,
  };
  for (const [state, sentence] of Object.entries(expected)) {
    const report = { ...steadyReport(), verdict: { state, channel: state === 'steady' ? null : 'heap', ...figures } };
    assert.match(render(report, { width: 200, cwd }).split('\n')[0], sentence);
  }
});

test('a report from snapshot files alone says what they show', () => {
  const { suspects, snapshots } = leakReport();
  const verdict = { state: 'too-early', channel: null, bytesPerMinute: null, limitBytes: null, msToLimit: null };
  const report = { ...steadyReport(), pid: null, node: null, uptimeMs: null, verdict, suspects, snapshots };
  assert.match(render(report), /^plimsoll: 2 suspects from 3 snapshots\n/);
  assert.match(render({ ...report, suspects: [] }), /^plimsoll: no suspect in 3 snapshots\n/);
});

test('colours come only when asked for, and change nothing but the colour', () => {
  const plain = render(leakReport(), { width: 100, cwd });
  const coloured = render(leakReport(), { width: 100, cwd, color: true });
  assert.doesNotMatch(plain, CONTROL);
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain);
});

test('no name steers the terminal, and no line is wider than it', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '\u001b[2J\u001b]0;title\u0007',
      'a\nplimsoll: steady',
      '\u202egnp.exe',
      '\u009b31m',
      '漢字'.repeat(40),
      '<img src=x onerror=alert(1)>',
      '\ud800',
      '👩‍👩‍👧 x',
    ),
  );
  fc.assert(
    fc.property(hostile, fc.integer({ min: 40, max: 200 }), (name, width) => {
      const report = leakReport();
      const [suspect] = report.suspects;
      Object.assign(suspect, { name, file: name, path: [name, name], advice: name });
      suspect.sites[0].function = name;
      report.snapshots[0].path = name;
      report.caches[0].name = name;
      report.trackers[0].name = name;
      report.notes = [name];
      const text = render(report, { width, cwd });
      assert.doesNotMatch(text, CONTROL);
      for (const line of text.split('\n')) assert.ok([...line.replace(/[\p{Mn}\p{Me}]/gu, '')].length <= width, line);
      assert.equal(text.match(/^plimsoll: /gm).length, 1);
    }),
  );
});

test('a long path keeps its ends, and many suspects are counted', () => {
  const report = leakReport();
  report.suspects[0].path = Array.from({ length: 30 }, (_, at) => `step${at}`);
  report.suspects = [...report.suspects, ...report.suspects, ...report.suspects, ...report.suspects];
  const text = render(report, { width: 100, cwd });
  assert.match(text, /retained by {3}step0 > step1 > step2 > … > step26 > step27 > step28 > step29\n/);
  assert.match(text, /and 3 more in the report/);
});

test('what is not known is left out', () => {
  const report = leakReport();
  Object.assign(report.suspects[0], {
    file: null,
    line: null,
    column: null,
    bytes: null,
    count: null,
    share: null,
    path: [],
    sites: [],
    advice: null,
    retainingPath: undefined,
    instance: undefined,
  });
  report.suspects.length = 1;
  report.refusals = [];
  assert.match(render(report, { width: 100, cwd }), /\n {2}1\. Map `sessions`\n {2}snapshot/);
});

test('sites of less than a hundredth are left out, unless there is no other', () => {
  const report = leakReport();
  const [site] = report.suspects[0].sites;
  report.suspects[0].sites = [
    { ...site, share: 0.996 },
    { ...site, function: 'next', share: 0.004 },
  ];
  const text = render(report, { width: 100, cwd });
  assert.match(text, /allocated by {2}login \(src\/routes\/login\.js:41\) 100 %/);
  assert.doesNotMatch(text, /next/);
  report.suspects[0].sites = [{ ...site, share: 0.004 }];
  assert.match(render(report, { width: 100, cwd }), /login \(src\/routes\/login\.js:41\) <1 %/);
});
