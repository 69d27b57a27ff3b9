'use strict';
// Load + dominators + retained sizes: CPU seconds and peak memory beside other readers of heap
// snapshots, in one run, as ratios. Before anything is timed every node is compared with DevTools'.
//
//   npm ci --prefix __test__/devtools && npm ci --ignore-scripts --prefix bench/analyze
//   HEAP_SNAPSHOT="chroot /srv/trixie heap-snapshot" node bench/analyze SNAPSHOT...
//
// HEAP_SNAPSHOT runs dinfuehr's binary, which wants glibc 2.39: on an older system, in a Debian 13 of
// its own (debootstrap trixie), where the snapshots have the same paths. GNU time measures.
const { execFileSync, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const ROUNDS = 3;
const root = path.join(__dirname, '../..');
const devtools = path.join(root, '__test__/devtools');
const dinfuehr = process.env.HEAP_SNAPSHOT ?? path.join(__dirname, 'node_modules/.bin/heap-snapshot');

// Half of the peers need more than V8's default for the larger files.
const node = [process.execPath, '--max-old-space-size=12000'];
const peers = {
  plimsoll: (file) => [path.join(root, 'target/release/examples/load'), file],
  'dinfuehr/heap-snapshot': (file) => [...dinfuehr.split(' '), 'roots', file],
  "DevTools' worker": (file) => [...node, path.join(devtools, 'load.mjs'), file],
  '@memlab/heap-analysis': (file) => [...node, path.join(__dirname, 'memlab.js'), file],
};

/** CPU seconds and peak kB of one run, or null where the peer does not run here or gives up. */
function measure(command) {
  const { status, stdout, stderr } = spawnSync('/usr/bin/time', ['-f', 'measured %U %S %M', ...command], { encoding: 'utf8', maxBuffer: 1 << 26 });
  const [, user, system, peak] = /measured (\S+) (\S+) (\S+)$/m.exec(stderr) ?? [];
  if (status !== 0 || peak === undefined) return null;
  const json = stdout.split('\n').findLast((line) => line.includes('{'));
  const result = json === undefined ? {} : JSON.parse(json.slice(json.indexOf('{')));
  return { cpu: Number(user) + Number(system), peak: Number(peak) * 1024, ...result };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

execFileSync('cargo', ['build', '--release', '--quiet', '--example', 'load'], { cwd: root, stdio: 'inherit' });
for (const file of process.argv.slice(2).map((name) => path.resolve(name))) {
  const size = fs.statSync(file).size;
  console.log(`\n${path.basename(file)}, ${(size / 1e6).toFixed(0)} MB`);
  const equal = spawnSync(process.execPath, ['--max-old-space-size=12000', path.join(devtools, 'compare.mjs'), file], { encoding: 'utf8' });
  if (equal.status === 0) console.log(`equal: ${equal.stdout.trim().split('\n').at(-1)}`);
  else if (/Invalid string length|out of memory|Array buffer allocation/.test(equal.stderr)) console.log('equal: unknown, DevTools cannot load this file');
  else throw new Error(`not equal to DevTools', so not timed:\n${equal.stdout}${equal.stderr}`);

  const runs = Object.fromEntries(Object.keys(peers).map((name) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, command] of Object.entries(peers)) {
      if (runs[name] !== null) {
        const run = measure(command(file));
        runs[name] = run === null ? null : [...runs[name], run];
      }
    }
  }
  const [{ retained, nodes }] = runs.plimsoll;
  const cpu = (name) => median(runs[name].map((run) => run.cpu));
  const peak = (name) => median(runs[name].map((run) => run.peak));
  console.log('| reader | CPU, ratio to plimsoll | memory, ratio to plimsoll | memory, ratio to the file |\n|---|---|---|---|');
  for (const name of Object.keys(peers)) {
    if (runs[name] === null) {
      console.log(`| ${name} | does not run here, or gives up | | |`);
      continue;
    }
    const [other] = runs[name];
    if (other.retained !== undefined && (other.retained !== retained || other.nodes !== nodes)) {
      console.log(`  (${name} counts ${other.nodes} nodes and ${other.retained} bytes at the root, not ${nodes} and ${retained})`);
    }
    const ratios = [cpu(name) / cpu('plimsoll'), peak(name) / peak('plimsoll'), peak(name) / size];
    console.log(`| ${name} | ${ratios.map((ratio) => ratio.toFixed(2)).join(' | ')} |`);
  }
}
