'use strict';
// npm run build:portable: both binaries for Linux x64 with the oldest glibc that Node 20 itself runs on, linked by zig.

const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const ROOT = path.join(__dirname, '..');
const TARGET = 'x86_64-unknown-linux-gnu';
const GLIBC = '2.28';
const BINARIES = { service: 'plimsoll', analyzer: 'plimsoll-analyzer' };

for (const [feature, name] of Object.entries(BINARIES)) {
  const options = [
    '--release',
    '--lib',
    '--no-default-features',
    '--features',
    feature,
    '--target',
    `${TARGET}.${GLIBC}`,
    '--target-dir',
    'target/portable',
  ];
  execFileSync('cargo', ['zigbuild', ...options], { cwd: ROOT, stdio: 'inherit' });
  fs.copyFileSync(
    path.join(ROOT, 'target/portable', TARGET, 'release/libplimsoll.so'),
    path.join(ROOT, `${name}.linux-x64-gnu.node`),
  );
}
