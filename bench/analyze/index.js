'use strict';
// Load + dominators + retained sizes: CPU seconds, wall time and peak memory beside other readers of heap snapshots, in
// one run, as ratios. Before anything is timed every node is compared with DevTools'. With three snapshots of one process,
// also what their comparison with names costs beside loading each of them.
//
//   npm ci --prefix __test__/devtools && npm ci --ignore-scripts --prefix bench/analyze
//   node --max-old-space-size=8000 bench/analyze/generate.js DIR 300 3
//   HEAP_SNAPSHOT="chroot /srv/trixie heap-snapshot" node bench/analyze [--rounds 3] [--only PEER] [--no-compare] SNAPSHOT...
//   node bench/analyze --diff A B C         what three together cost beside each alone
//   node bench/analyze --threads A [B C]    what one core takes beside all: plain, through gzip, and of several compared
//
// HEAP_SNAPSHOT runs dinfuehr's binary, which wants glibc 2.39: on an older system, in a Debian 13 of
// its own (debootstrap trixie), where the snapshots have the same paths. LOAD is our own reader where it is built
// already (cargo build --release --example load). GNU time measures.
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { parseArgs } = require('node:util');

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    'no-compare': { type: 'boolean' },
    diff: { type: 'boolean' },
    threads: { type: 'boolean' },
  },
  allowPositionals: true,
});
const ROUNDS = Number(values.rounds);
const root = path.join(__dirname, '../..');
const devtools = path.join(root, '__test__/devtools');
const dinfuehr = process.env.HEAP_SNAPSHOT ?? path.join(__dirname, 'node_modules/.bin/heap-snapshot');
const ours = process.env.LOAD ?? path.join(root, 'target/release/examples/load');

// Half of the peers need more than V8's default for the larger files.
const node = [process.execPath, '--max-old-space-size=12000'];
const peers = {
  plimsoll: (file) => [ours, file],
  'dinfuehr/heap-snapshot': (file) => [...dinfuehr.split(' '), 'roots', file],
  "DevTools' worker": (file) => [...node, path.join(devtools, 'load.mjs'), file],
  '@memlab/heap-analysis': (file) => [...node, path.join(__dirname, 'memlab.js'), file],
};

/** CPU and wall seconds and peak bytes of one run, or null where the peer does not run here or gives up. */
function measure(command) {
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'measured %U %S %e %M', ...command], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  const [, user, system, wall, peak] = /measured (\S+) (\S+) (\S+) (\S+)$/m.exec(stderr) ?? [];
  if (status !== 0 || peak === undefined) return null;
  const json = stdout.split('\n').findLast((line) => line.includes('{'));
  const result = json === undefined ? {} : JSON.parse(json.slice(json.indexOf('{')));
  return { ...result, cpu: Number(user) + Number(system), wall: Number(wall), peak: Number(peak) * 1024 };
}

const median = (runs, key) => runs.map((run) => run[key]).toSorted((a, b) => a - b)[runs.length >> 1];

/** The medians of interleaved rounds: {name: {cpu, wall, peak, ...} | null}. */
function interleaved(commands) {
  const runs = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, command] of Object.entries(commands)) {
      if (runs[name] === null) continue;
      const run = measure(command);
      runs[name] = run === null ? null : [...runs[name], run];
    }
  }
  return Object.fromEntries(
    Object.entries(runs).map(([name, all]) => [
      name,
      all && { ...all[0], cpu: median(all, 'cpu'), wall: median(all, 'wall'), peak: median(all, 'peak') },
    ]),
  );
}

const print = (line) => process.stdout.write(`${line}\n`);
const table = (head, rows) =>
  print([head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n'));
const ratio = (a, b) => (a / b).toFixed(2);

function compare(file) {
  const equal = spawnSync(process.execPath, ['--max-old-space-size=12000', path.join(devtools, 'compare.mjs'), file], {
    encoding: 'utf8',
  });
  if (equal.status === 0) print(`equal: ${equal.stdout.trim().split('\n').at(-1)}`);
  else if (/Invalid string length|out of memory|Array buffer allocation/.test(equal.stderr))
    print('equal: unknown, DevTools cannot load this file');
  else throw new Error(`not equal to DevTools', so not timed:\n${equal.stdout}${equal.stderr}`);
}

function benchLoad(file) {
  const size = fs.statSync(file).size;
  print(`\n${file}, ${(size / 1e6).toFixed(0)} MB`);
  if (!values['no-compare']) compare(file);
  const chosen = Object.entries(peers).filter(([name]) => name === 'plimsoll' || name.includes(values.only));
  const found = interleaved(Object.fromEntries(chosen.map(([name, command]) => [name, command(file)])));
  const own = found.plimsoll;
  const rows = Object.entries(found).map(([name, other]) => {
    if (other === null) return [name, 'does not run here, or gives up', '', '', ''];
    if (other.retained !== undefined && (other.retained !== own.retained || other.nodes !== own.nodes)) {
      print(
        `(${name} counts ${other.nodes} nodes and ${other.retained} bytes at the root, not ${own.nodes} and ${own.retained})`,
      );
    }
    return [
      name,
      ratio(other.cpu, own.cpu),
      ratio(other.wall, own.wall),
      ratio(other.peak, own.peak),
      ratio(other.peak, size),
    ];
  });
  table(
    [
      'reader',
      'CPU, ratio to plimsoll',
      'wall, ratio to plimsoll',
      'memory, ratio to plimsoll',
      'memory, ratio to the file',
    ],
    rows,
  );
}

/** What three cost together, beside the sum of what each costs alone. */
function benchDiff(files) {
  const size = files.reduce((sum, file) => sum + fs.statSync(file).size, 0);
  const commands = {
    diff: [ours, '--diff', ...files],
    ...Object.fromEntries(files.map((file) => [file, [ours, file]])),
  };
  const { diff, ...loads } = interleaved(commands);
  const sum = (key) => Object.values(loads).reduce((total, run) => total + run[key], 0);
  print(`\n${files.length} snapshots, ${(size / 1e6).toFixed(0)} MB; the first suspect: ${diff.suspect}`);
  table(
    ['comparison with names, ratio to', 'CPU', 'wall', 'memory'],
    [
      [
        'the sum of the loads',
        ratio(diff.cpu, sum('cpu')),
        ratio(diff.wall, sum('wall')),
        ratio(diff.peak, sum('peak')),
      ],
      ['the sum of the files', '', '', ratio(diff.peak, size)],
    ],
  );
}

/** Wall time on one core beside all of them; the reader starts as many threads as it may run on. */
function benchThreads(files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-bench-'));
  try {
    const packed = path.join(dir, 'A.gz');
    fs.writeFileSync(packed, zlib.gzipSync(fs.readFileSync(files[0]), { level: 1 }));
    const work = {
      plain: [ours, files[0]],
      gzip: [ours, packed],
      ...(files.length > 1 && { [`comparison of ${files.length}`]: [ours, '--diff', ...files] }),
    };
    const rows = Object.entries(work).map(([name, command]) => {
      const { one, all } = interleaved({ one: ['taskset', '-c', '0', ...command], all: command });
      return [name, ratio(one.wall, all.wall), ratio(all.cpu, one.cpu), ratio(all.peak, one.peak)];
    });
    print(`\n${files[0]}, ${os.availableParallelism()} cores`);
    table(
      ['what', 'wall time on one core, ratio to all', 'CPU on all, ratio to one', 'memory on all, ratio to one'],
      rows,
    );
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
}

if (process.env.LOAD === undefined)
  execFileSync('cargo', ['build', '--release', '--quiet', '--example', 'load'], { cwd: root, stdio: 'inherit' });
const worker = path.join(devtools, 'build.mjs');
if (fs.existsSync(path.join(devtools, 'node_modules'))) execFileSync(process.execPath, [worker], { stdio: 'inherit' });
const files = positionals.map((name) => path.resolve(name));
if (values.diff) benchDiff(files);
else if (values.threads) benchThreads(files);
else files.forEach(benchLoad);
