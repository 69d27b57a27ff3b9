'use strict';
// npm run test:sanitizers [-- LANE ...] [FILTER]: the tests of the library under tools that watch memory and threads.
//
// LANE is address, thread or valgrind; without one, address and valgrind. FILTER, such as `cache::`, chooses tests. The
// sanitizers are unstable options of rustc, which RUSTC_BOOTSTRAP=1 allows on the stable toolchain.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const TARGET = 'x86_64-unknown-linux-gnu';

/** The folders with unsafe code whose tests valgrind can run in minutes. */
const UNSAFE = ['background::', 'cache::', 'heap::memory::', 'js_source::readable::', 'os::', 'sampler::record::'];

const LANES = {
  address: {
    flags: '-Zsanitizer=address',
    env: { ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1:allocator_may_return_null=1' },
    // Simulated processes that end at any instruction leave memory behind on purpose.
    skip: [],
  },
  thread: {
    flags: '-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer',
    env: { TSAN_OPTIONS: 'halt_on_error=0' },
    skip: [],
  },
};

const cargo = (args, env = {}, options = {}) =>
  spawnSync('cargo', args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env }, ...options });

function sanitize(name, filter) {
  const { flags, env, skip } = LANES[name];
  const build = ['test', '--lib', '--profile', 'checked', '--target', TARGET, '--target-dir', `target/sanitizers/${name}`];
  const tests = [...skip.flatMap((each) => ['--skip', each]), ...filter];
  return cargo([...build, '--', ...tests], { RUSTC_BOOTSTRAP: '1', RUSTFLAGS: flags, ...env }).status === 0;
}
