'use strict';
// npm run test:sanitizers [-- LANE ...] [--images N]: tests under the sanitizers of LLVM and Miri, on Linux x64.
//
//   address   the tests of the library, and N random heap images, under the address sanitizer and its leak detector
//   addon     both binaries with the address sanitizer in Node, and the JavaScript tests of what they do
//   thread    the tests of the library under the thread sanitizer
//   miri      the tests of the modules whose unsafe code Miri can run, some of them in several orders of their threads
//
// Without a name, the first two run. Rust has no sanitizer of undefined behaviour. Each lane has debug assertions and
// overflow checks, which look at the preconditions of the standard library's unsafe functions. The first three check
// constants too.
//
// The sanitizers need unstable options of rustc, which RUSTC_BOOTSTRAP allows in a stable one. `thread` also builds the
// standard library, because it does not see the locks of one that was built without it. The other two lanes need:
//
//   thread    rustup component add rust-src
//   miri      rustup toolchain install nightly --component miri,rust-src

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { testFiles } = require('../__test__/files.js');

const ROOT = path.join(__dirname, '..');
const TARGET = 'x86_64-unknown-linux-gnu';
const OUT = path.join(ROOT, 'target/sanitizers');
/** A copy of the package, with binaries of its own. */
const PACKAGE = path.join(OUT, 'package');
const COPIED = [
  'lib',
  'bin',
  '__test__',
  'bench',
  'docs',
  'examples',
  'sim',
  'index.js',
  'index.mjs',
  'register.js',
  'package.json',
];
/** JavaScript tests that reach the unsafe code of each binary. The others call the same code, or none. */
const FILES = [
  /^cache\/(?:shared-.*|expiry|registry)\./,
  /^track\/native\./,
  /^snapshot\/(?:files|policy)\./,
  /^analyze\/(?:hostile|memory|native)\./,
];
const NOT_THE_ALLOCATOR = 'it measures what the C library does with memory that is freed, which the sanitizer keeps';
const LIMITS_MEMORY = 'it limits the memory of a process, of which the sanitizer takes a part of its own';
const NO_IMAGES = 'a child looks for pages of V8 in all private memory, of which the sanitizer reserves 14 TB';
const STACK_ELSEWHERE = 'the sanitizer has local variables in memory of its own, beside the stack';
const TOO_LONG = 'it takes minutes under Miri, and has no unsafe code';
const ADDRESS_SPACE = 'snapshot::room::tests::a_limit_on_address_space_counts_for_what_this_process_takes';
/** Tests that cannot run so, by lane, with the reason. */
const LEFT_OUT = {
  addon: {
    '100,000 constructions leave no native memory behind': NOT_THE_ALLOCATOR,
    'memory goes back to the system': NOT_THE_ALLOCATOR,
    'with less memory than a graph takes, an analysis succeeds if it may spill': LIMITS_MEMORY,
  },
  address: {
    [ADDRESS_SPACE]: LIMITS_MEMORY,
    'snapshot::image::writer::tests::the_stack_of_a_thread_reaches_from_its_frame_to_its_end': STACK_ELSEWHERE,
  },
  thread: {
    [ADDRESS_SPACE]: LIMITS_MEMORY,
  },
  miri: {
    'cache::expiry::tests::a_scan_finds_what_has_ended_and_the_next_end': TOO_LONG,
    'cache::registry::tests::a_summary_has_a_row_for_each_name_and_an_end': TOO_LONG,
    'heap::spill::tests::memory_is_no_place_to_spill_to': 'it asks the kernel of which kind a file system is',
  },
};
/** What Miri runs: the unsafe code that asks no system call of it, and memory that threads share. */
const FOR_MIRI = [
  'background::',
  'cache::expiry::',
  'cache::registry::',
  'cache::shared::registry::',
  'cache::shared::store::tests::a_computation_is_made_once_and_given_to_all',
  'cache::shared::store::tests::after_a_failure_or_a_death_the_next_one_leads',
  'cache::shared::store::tests::threads_share_a_store_within_its_bound',
  'heap::parallel::',
  'heap::progress::',
  'heap::spill::',
  'os::process::',
  'sampler::clock::',
  'sampler::record::',
  'sampler::stuck::',
  'snapshot::emergency::tests::a_deadline_interrupts_once_and_a_later_one_puts_it_off',
  'snapshot::job::tests::a_question_is_answered_once',
  'snapshot::job::tests::what_came_of_it_is_said_as_often_as_it_is_asked',
  'track::registry::',
  'v8::',
];
/** Tests of threads, which Miri runs in so many orders. */
const IN_ORDERS = [
  'background::',
  'cache::shared::store::tests::threads_share_a_store_within_its_bound',
  'heap::parallel::tests::results_are_in_the_order_of_the_items',
];
const ORDERS = 8;
/** Where each process that finds something writes it: a test may not see how its child ended. */
const REPORTS = path.join(OUT, 'reports');

const rustc = (...args) => {
  const { stdout, error } = spawnSync(process.env.RUSTC ?? 'rustc', args, { encoding: 'utf8' });
  if (error) throw error;
  return stdout.trim();
};

/**
 * The C code, which is zstd, has the sanitizer too, and traps where its behaviour is undefined. Upstream leaves out the
 * overflow of pointers as well.
 */
const UNDEFINED = '-fsanitize=undefined -fno-sanitize=pointer-overflow -fsanitize-undefined-trap-on-error';

/** What a build with a sanitizer has in its environment. */
const building = (sanitizer) => ({
  ...process.env,
  RUSTC_BOOTSTRAP: '1',
  RUSTFLAGS: `-Zsanitizer=${sanitizer} -Zextra-const-ub-checks -Cforce-frame-pointers=yes`,
  [`CFLAGS_${TARGET.replaceAll('-', '_')}`]: `-fsanitize=${sanitizer} ${UNDEFINED} -fno-omit-frame-pointer`,
});

const options = (sanitizer, more) => ({
  [`${sanitizer.slice(0, 1).toUpperCase()}SAN_OPTIONS`]: [`log_path=${path.join(REPORTS, sanitizer)}`, ...more].join(
    ':',
  ),
});

function run(command, args, env, cwd = ROOT) {
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: 'inherit' });
  if (error) throw error;
  return status === 0;
}

/** The names of the tests that are left out; says why. */
function leftOut(lane) {
  const left = Object.entries(LEFT_OUT[lane]);
  for (const [name, reason] of left) process.stdout.write(`${lane} leaves out: ${name}: ${reason}\n`);
  return left.map(([name]) => name);
}

/** Runs the tests of the library. */
function testLibrary(sanitizer, more, { build = [], tests = [], env = {} } = {}) {
  const args = ['test', '--lib', ...build, '--profile', 'checked', '--target', TARGET];
  args.push('--target-dir', path.join(OUT, sanitizer), '--', ...tests);
  args.push(...leftOut(sanitizer).flatMap((name) => ['--skip', name]));
  return run('cargo', args, { ...building(sanitizer), ...options(sanitizer, more), ...env });
}

/** What runs tests of the library under Miri, with the arguments `args` of the tests. */
function underMiri(args, flags = []) {
  const command = ['+nightly', 'miri', 'test', '--lib', '--target-dir', path.join(OUT, 'miri'), '--', ...args];
  // Tests read files and the clock. The queues of parking_lot are addresses in words.
  const always = ['-Zmiri-disable-isolation', '-Zmiri-permissive-provenance'];
  const env = { MIRIFLAGS: [...always, ...flags].join(' '), PROPTEST_CASES: '3' };
  return ['cargo', command, { ...process.env, ...env }];
}

/** The names of the tests that Miri can run. It takes minutes to compare all tests with parts of names. */
function namesForMiri() {
  const [command, args, env] = underMiri(['--list', '--format=terse']);
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: ROOT,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error) throw error;
  if (status !== 0) throw new Error('Miri does not list the tests');
  const all = [...stdout.matchAll(/^(\S+): test$/gm)].map(([, name]) => name);
  const left = new Set(leftOut('miri'));
  return all.filter((name) => !left.has(name) && FOR_MIRI.some((each) => name.startsWith(each)));
}

/** The runtime of the address sanitizer as a library that Node loads first; rustc has it for programs alone. */
function sharedRuntime() {
  const folder = path.join(rustc('--print', 'sysroot'), 'lib/rustlib', TARGET, 'lib');
  const name = fs.readdirSync(folder).find((each) => /^librustc.*_rt\.asan\.a$/.test(each));
  if (name === undefined) throw new Error(`${folder} has no runtime of the address sanitizer`);
  const archive = path.join(OUT, 'runtime.a');
  // Not libasan.so: it ends a process that has a library of this name beside it.
  const library = path.join(OUT, 'runtime.so');
  fs.copyFileSync(path.join(folder, name), archive);
  const made =
    // A library cannot run code before those that it needs are there.
    run('ar', ['d', archive, 'asan_preinit.cpp.o']) &&
    run('cc', ['-shared', '-o', library, '-Wl,--whole-archive', archive, '-Wl,--no-whole-archive', '-lm', '-lresolv']);
  if (!made) throw new Error('the runtime of the address sanitizer was not linked');
  return library;
}

function copyPackage() {
  fs.rmSync(PACKAGE, { recursive: true, force: true });
  for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(PACKAGE, name), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(PACKAGE, 'node_modules'));
}

function buildBinary(feature, args) {
  const where = ['--target', TARGET, '--target-dir', path.join(OUT, 'address'), '--output-dir', PACKAGE];
  const what = ['--platform', '--profile', 'checked', '--no-default-features', '--features', feature];
  const napi = path.join(ROOT, 'node_modules/.bin/napi');
  return run(napi, ['build', ...what, ...where, ...args], building('address'));
}

function testAddon() {
  copyPackage();
  const built =
    buildBinary('service', ['--js', 'binding.js', '--dts', 'binding.d.ts']) &&
    buildBinary('analyzer', ['--config-path', 'analyzer.napi.json', '--no-js', '--dts', 'analyzer-binding.d.ts']);
  if (!built) return false;
  process.stdout.write(`addon leaves out: heap images of a process: ${NO_IMAGES}\n`);
  const all = testFiles().map((file) => path.relative(path.join(ROOT, '__test__'), file));
  const files = all.filter((file) => FILES.some((each) => each.test(file))).map((file) => path.join('__test__', file));
  // Node 20 has no pattern for what is skipped. It runs a test too if the one above it has a name that matches.
  const names = `/^(?!${['<root>', ...leftOut('addon')].join('|')})/`;
  const args = ['--test', '--test-concurrency=1', '--test-reporter=spec', `--test-name-pattern=${names}`, ...files];
  // What Node and V8 leave behind at the end is not this package's. An allocation that is too large is refused.
  const more = ['detect_leaks=0', 'allocator_may_return_null=1'];
  const env = { ...process.env, LD_PRELOAD: sharedRuntime(), ...options('address', more) };
  return run(process.execPath, args, env, PACKAGE);
}

/** @type {Record<string, (values: { images: string }) => boolean>} */
const LANES = {
  address({ images }) {
    const random = { RANDOM_IMAGES: images };
    const passed = testLibrary('address', ['detect_leaks=1']);
    return testLibrary('address', [], { env: random, tests: ['random_images', '--ignored'] }) && passed;
  },
  addon: testAddon,
  thread() {
    const source = path.join(rustc('--print', 'sysroot'), 'lib/rustlib/src/rust/library');
    if (!fs.existsSync(source)) {
      process.stdout.write(`rustc has no source of the standard library: ${source}\n`);
      return false;
    }
    return testLibrary('thread', [], { build: ['-Zbuild-std'] });
  },
  miri() {
    const names = namesForMiri();
    const threads = names.filter((name) => IN_ORDERS.some((each) => name.startsWith(each)));
    const once = names.filter((name) => !threads.includes(name));
    const passed = run(...underMiri(['--exact', ...once]));
    return run(...underMiri(['--exact', ...threads], [`-Zmiri-many-seeds=0..${ORDERS}`])) && passed;
  },
};

function isClean(lane, values) {
  fs.rmSync(REPORTS, { recursive: true, force: true });
  fs.mkdirSync(REPORTS, { recursive: true });
  const passed = LANES[lane](values);
  const reports = fs.readdirSync(REPORTS);
  for (const name of reports) process.stdout.write(`\n${fs.readFileSync(path.join(REPORTS, name), 'utf8')}`);
  process.stdout.write(`${lane}: the tests ${passed ? 'pass' : 'fail'}, ${reports.length} reports of the sanitizer\n`);
  return passed && reports.length === 0;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: { type: 'string', default: '5000' } },
});
const lanes = positionals.length > 0 ? positionals : ['address', 'addon'];
if (lanes.some((each) => !(each in LANES))) {
  process.stderr.write(`usage: npm run test:sanitizers -- [${Object.keys(LANES).join('|')} ...] [--images N]\n`);
  process.exitCode = 2;
} else if (!lanes.map((each) => isClean(each, values)).every(Boolean)) process.exitCode = 1;
