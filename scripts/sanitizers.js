'use strict';
// npm run test:sanitizers [-- FILTER ...]: the tests of the library with the address sanitizer.
//
// The sanitizer is an unstable option of rustc, which RUSTC_BOOTSTRAP=1 allows on the stable toolchain. Only this crate
// is built with it; what it allocates and frees is checked in all of the process. Without FILTER (`cache::`, say) all
// tests run but simulations and those of the trend, which has no unsafe code.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..');
const SKIPPED = ['::sim', 'trend::'];
/**
 * Simulated processes end at any instruction, and leave memory behind. What is left would be reported at the end of the
 * process.
 */
const ASAN_OPTIONS = 'detect_leaks=0:detect_stack_use_after_return=1';

const build = ['rustc', '--lib', '--profile', 'test', '--message-format', 'json-render-diagnostics'];
const built = spawnSync('cargo', [...build, '--', '-Zsanitizer=address'], {
  cwd: ROOT,
  encoding: 'utf8',
  maxBuffer: 2 ** 28,
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, RUSTC_BOOTSTRAP: '1' },
});
if (built.status !== 0) process.exit(1);
const messages = built.stdout
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line));
const { executable } = messages.findLast((message) => message.executable);
const filter = process.argv.slice(2);
const chosen = filter.length > 0 ? filter : SKIPPED.flatMap((name) => ['--skip', name]);
const { status } = spawnSync(executable, chosen, {
  cwd: ROOT,
  stdio: 'inherit',
  env: { ...process.env, ASAN_OPTIONS, PLIMSOLL_SIM_SECONDS: '1' },
});
process.exitCode = status ?? 1;
