'use strict';
// node __test__/integrations/old-glibc.js [suite]: the packed package with the portable binary (npm run build:portable) on
// the Debian of this name, bullseye unless given, in a chroot that debootstrap makes. Takes root. PLIMSOLL_CHROOT
// names a folder that is kept, or was kept, for it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const ROOT = path.join(__dirname, '../..');
const BINARIES = ['plimsoll.linux-x64-gnu.node', 'plimsoll-analyzer.linux-x64-gnu.node'];
/** What Node 20's own binaries need. */
const OLDEST = [2, 28];

const run = (...args) => execFileSync(args[0], args.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 });

/** The latest symbol version of glibc that a binary asks for. */
function needs(file) {
  const versions = [...run('objdump', '-T', file).matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)]);
  return versions.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]).at(-1);
}

function main([suite = 'bullseye']) {
  for (const binary of BINARIES) {
    const [major, minor] = needs(path.join(ROOT, binary));
    assert.ok(major === OLDEST[0] && minor <= OLDEST[1], `${binary} needs glibc ${major}.${minor}: npm run build:portable`);
  }
  const kept = process.env.PLIMSOLL_CHROOT;
  const root = kept ?? fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-chroot-'));
  try {
    if (!fs.existsSync(path.join(root, 'bin/sh'))) run('debootstrap', '--variant=minbase', suite, root);
    fs.rmSync(path.join(root, 'app'), { recursive: true, force: true });
    fs.mkdirSync(path.join(root, 'app/node_modules'), { recursive: true });
    const [{ filename }] = JSON.parse(run('npm', 'pack', '--json', '--pack-destination', path.join(root, 'app'), ROOT));
    run('tar', 'xzf', path.join(root, 'app', filename), '-C', path.join(root, 'app/node_modules'));
    fs.renameSync(path.join(root, 'app/node_modules/package'), path.join(root, 'app/node_modules/plimsoll'));
    fs.copyFileSync(process.execPath, path.join(root, 'app/node'));
    fs.copyFileSync(path.join(__dirname, 'smoke.js'), path.join(root, 'app/smoke.js'));
    // Mounts of a namespace of their own: nothing stays behind.
    const output = run('unshare', '--mount', 'sh', '-c', 'mount -t proc proc "$0/proc" && exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$0" /app/node /app/smoke.js', root);
    process.stdout.write(output);
    const { platform: _, suspect, ...seen } = JSON.parse(output);
    const on = { native: 'on', hooks: 'on', allocations: 'on', fork: 'on', nearLimit: 'on' };
    assert.deepEqual(seen, { ...on, state: 'too-early', reads: true, collected: true, size: 2, shared: 'value', methods: ['fork', 'fork', 'fork'] });
    assert.deepEqual([suspect.name, path.basename(suspect.file)], ['kept', 'smoke.js']);
    process.stdout.write(`both binaries need glibc ${OLDEST.join('.')} at most and work on Debian ${suite}\n`);
  } finally {
    if (kept === undefined) fs.rmSync(root, { recursive: true, force: true });
  }
}

main(process.argv.slice(2));
