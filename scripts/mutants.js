'use strict';
// npm run test:mutants -- PART ... [--again] [--minutes M] [--skip REGEXP]
//
// The mutants of cargo-mutants (`cargo install cargo-mutants --locked`) over a part of src/: how many of them the tests
// of the library find. cargo-mutants lists the mutants; `scripts/mutants/` puts all of them into one build, in which the
// environment chooses one. So each costs a run of the tests that come by it, and not a build of the crate.
//
// The build is of a copy of the crate, with only the modules that the part needs. Without --again, a run passes over the
// mutants that were found before: after a new test only the others run. It tries no more when M minutes have passed;
// what it has tried by then is spread evenly over the part. Tests whose name matches --skip do not run: without
// the slowest ones, most mutants are found soon, and a run without it tries the survivors. The survivors are printed.

const { spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');

const ROOT = path.join(__dirname, '..');
const TOOL = path.join(__dirname, 'mutants');

/** By part: its folder, the modules of src/lib.rs that it needs, and the tests that may find a mutant. */
const PARTS = {
  trend: { folder: 'src/trend', modules: ['trend'], tests: 'trend::', optLevel: 1 },
  leak: { folder: 'src/heap/leak', modules: ['heap', 'heap_layout', 'js_source', 'sync'], tests: 'heap::' },
  snapshot: {
    folder: 'src/snapshot',
    modules: ['heap_layout', 'js_source', 'os', 'random', 'snapshot', 'sync', 'v8'],
    tests: 'snapshot::',
  },
};

/**
 * A test whose mutant does not end is killed: a mutant that hangs is found. Seconds of processor time, which other work
 * on the machine does not take, and of any time, for one that waits.
 */
const LONGEST = 20;
const LONGEST_WAIT = 1800;
/** What a shell returns where a test was killed: by `timeout`, or for its processor time. */
const KILLED = new Set([128 + 9, 128 + 24]);
/** How many tests run in one process, the shortest first. */
const BATCH = 12;
/** Memory of a test, KB: a mutant may allocate without end. */
const MOST_MEMORY = 8e6;

const ENVIRONMENT = { ...process.env, PLIMSOLL_SIM_SECONDS: '1', PLIMSOLL_SIM_SEED: '2026' };

const libraryOf = ({ modules }) => `//! The part of plimsoll that is mutated.
#![allow(dead_code, unused, unreachable_code, clippy::all)]
pub mod mutant;
${modules.map((name) => `${name === 'random' ? '#[cfg(test)]\n' : ''}pub mod ${name};`).join('\n')}
`;

/** Copies what a part needs. The examples, the build script and the lints of the crate stay behind. */
function copyCrate(part, into) {
  fs.rmSync(path.join(into, 'src'), { recursive: true, force: true });
  for (const name of part.modules)
    for (const file of [name, `${name}.rs`]) {
      const from = path.join(ROOT, 'src', file);
      if (fs.existsSync(from)) fs.cpSync(from, path.join(into, 'src', file), { recursive: true });
    }
  for (const folder of ['.cargo', 'fuzz'])
    fs.cpSync(path.join(ROOT, folder), path.join(into, folder), { recursive: true });
  fs.cpSync(path.join(ROOT, 'Cargo.lock'), path.join(into, 'Cargo.lock'));
  fs.cpSync(path.join(TOOL, 'mutant.rs'), path.join(into, 'src/mutant.rs'));
  fs.writeFileSync(path.join(into, 'src/lib.rs'), libraryOf(part));
  const manifest = fs
    .readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8')
    .replace(/\n\[\[example\]\][\s\S]*$/, '\n')
    .replace(/\n\[build-dependencies\]\n.*\n/, '\n')
    .replace(/crate-type = .*/, 'crate-type = ["lib"]')
    .replace(/\n\[lints\.(rust|clippy)\]\n(.+\n)+/g, '\n');
  // The tests of the trend live through hours; the others are soon over.
  const level = part.optLevel ?? 0;
  const own = `\n[workspace]\n\n[profile.mutants]\ninherits = "dev"\ndebug = false\nopt-level = ${level}\n\n[profile.mutants.package."*"]\nopt-level = 1\n`;
  fs.writeFileSync(path.join(into, 'Cargo.toml'), manifest + own);
}

function cargo(args, options = {}) {
  const { error, ...result } = spawnSync('cargo', args, { encoding: 'utf8', maxBuffer: 2 ** 30, ...options });
  if (error) throw error;
  return result;
}

function listMutants(part, crate) {
  const { status, stdout, stderr } = cargo(['mutants', '--list', '--json', '--file', `${part.folder}/**`], {
    cwd: crate,
  });
  if (status !== 0)
    throw new Error(`cargo-mutants cannot list the mutants; cargo install cargo-mutants --locked\n${stderr}`);
  return stdout;
}

/** The mutants whose text the errors of a build point to. */
function blamed(crate, messages) {
  const found = new Set();
  const texts = new Map();
  const look = ({ spans, children }) => {
    for (const { file_name: file, byte_start: at } of spans) {
      const full = path.join(crate, file);
      // The others are of the standard library.
      if (!fs.existsSync(full)) continue;
      if (!texts.has(file)) texts.set(file, fs.readFileSync(full));
      const text = texts.get(file);
      const start = text.lastIndexOf('/*<', at);
      if (start === -1 || text.indexOf('/*>*/', start) < at) continue;
      found.add(Number.parseInt(text.toString('utf8', start + 3, start + 12), 10));
    }
    children.forEach(look);
  };
  messages.forEach(look);
  return found;
}

/** What a build is made of. */
function fingerprint(crate) {
  const hash = crypto.createHash('sha256');
  const files = fs.readdirSync(path.join(crate, 'src'), { recursive: true, withFileTypes: true });
  const paths = files.filter((each) => each.isFile()).map((each) => path.join(each.parentPath, each.name));
  const tool = ['Cargo.toml', 'src/main.rs', 'mutant.rs'].map((name) => path.join(TOOL, name));
  for (const file of [...paths.toSorted(), path.join(crate, 'Cargo.toml'), path.join(crate, 'Cargo.lock'), ...tool])
    hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}

/** Builds the tests with all mutants that compile, unless the last build was of the same files. */
function build(part, crate) {
  copyCrate(part, crate);
  const source = fingerprint(crate);
  const note = path.join(crate, 'built.json');
  const last = fs.existsSync(note) ? JSON.parse(fs.readFileSync(note, 'utf8')) : {};
  if (last.source === source) return last;
  fs.rmSync(note, { force: true });
  const list = path.join(crate, 'list.json');
  fs.writeFileSync(list, listMutants(part, crate));
  const leftOut = new Set();
  for (;;) {
    copyCrate(part, crate);
    const edited = cargo([
      'run',
      '--quiet',
      '--manifest-path',
      path.join(TOOL, 'Cargo.toml'),
      '--target-dir',
      path.join(ROOT, 'target/mutants/tool'),
      '--',
      list,
      crate,
      ...[...leftOut].map(String),
    ]);
    if (edited.status !== 0) throw new Error(edited.stderr);
    const result = cargo(
      [
        'test',
        '--lib',
        '--no-run',
        '--profile',
        'mutants',
        '--message-format',
        'json',
        '--target-dir',
        path.join(ROOT, 'target/mutants/build'),
      ],
      { cwd: crate },
    );
    const messages = result.stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    if (result.status === 0) {
      const { executable: built } = messages.findLast((each) => each.executable);
      // Another part's tests have the same name.
      const executable = path.join(crate, 'tests');
      fs.copyFileSync(built, executable);
      const mutants = JSON.parse(fs.readFileSync(list, 'utf8')).map(({ name }) => name);
      const made = { source, executable, mutants, numbers: JSON.parse(edited.stdout), leftOut: leftOut.size };
      fs.writeFileSync(note, JSON.stringify(made));
      return made;
    }
    const errors = messages.filter(({ message }) => message?.level === 'error').map(({ message }) => message);
    const wrong = [...blamed(crate, errors)].filter((number) => !leftOut.has(number));
    if (wrong.length === 0) throw new Error(errors.map(({ rendered }) => rendered).join('\n') || result.stderr);
    wrong.forEach((number) => leftOut.add(number));
  }
}

/**
 * Runs tests in one process, for so many seconds of processor time at most.
 * @returns {{ passed: boolean, seconds: number, isKilled: boolean }}
 */
function runTests(executable, crate, tests, env, most) {
  const limits = `ulimit -v ${MOST_MEMORY}; ulimit -t ${Math.ceil(most)}`;
  const command = `${limits}; timeout -s KILL ${LONGEST_WAIT} "$0" "$@"; status=$?; times >&3; exit $status`;
  const { status, output } = spawnSync('sh', ['-c', command, executable, '--exact', '--test-threads', '1', ...tests], {
    cwd: crate,
    env: { ...ENVIRONMENT, ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  // Of the shell and of what it ran: `0m1.500s 0m0.010s`.
  const times = [...output[3].toString().matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = times.reduce((sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest), 0);
  return { passed: status === 0, seconds, isKilled: KILLED.has(status) };
}

/** Which mutants each test comes by, and how long it takes. */
function watchTests(executable, crate, filter, skip) {
  const { stdout } = spawnSync(executable, ['--list', '--format', 'terse', filter], { encoding: 'utf8', cwd: crate });
  const names = stdout
    .split('\n')
    .filter((line) => line.endsWith(': test'))
    .map((line) => line.slice(0, -': test'.length))
    .filter((name) => !skip?.test(name));
  if (names.length === 0) throw new Error(`there is no test whose name has ${filter}`);
  const seen = path.join(crate, 'seen.txt');
  const failed = [];
  const tests = names.map((name) => {
    fs.rmSync(seen, { force: true });
    const env = { PLIMSOLL_MUTANTS_SEEN: seen };
    const { passed, seconds } = runTests(executable, crate, [name], env, 600);
    if (!passed) failed.push(name);
    const text = fs.existsSync(seen) ? fs.readFileSync(seen, 'utf8') : '';
    return { name, seconds, mutants: new Set(text.split('\n').filter(Boolean).map(Number)) };
  });
  if (failed.length > 0) throw new Error(`tests fail without a mutant: ${failed.join(', ')}`);
  return tests;
}

/** The result of a mutant: found by a test, by its not ending, or not. */
function tryMutant(executable, crate, number, tests) {
  const own = tests.filter(({ mutants }) => mutants.has(number)).toSorted((one, other) => one.seconds - other.seconds);
  for (let at = 0; at < own.length; at += BATCH) {
    const batch = own.slice(at, at + BATCH);
    const usual = batch.reduce((sum, { seconds }) => sum + seconds, 0);
    const names = batch.map(({ name }) => name);
    const env = { PLIMSOLL_MUTANT: String(number) };
    const { passed, isKilled } = runTests(executable, crate, names, env, LONGEST + 10 * usual);
    if (!passed) return isKilled ? 'hangs' : 'found';
  }
  return own.length === 0 ? 'not run' : 'survives';
}

/** The same numbers, each part of which is spread over all. */
function spread(numbers) {
  const GOLDEN = (Math.sqrt(5) - 1) / 2;
  return numbers
    .map((number, at) => ({ number, place: (at * GOLDEN) % 1 }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ number }) => number);
}

function run(name, { again, minutes, skip }) {
  const part = PARTS[name];
  const crate = path.join(ROOT, 'target/mutants', name);
  fs.mkdirSync(crate, { recursive: true });
  const { executable, mutants, numbers, leftOut } = build(part, crate);
  const tests = watchTests(executable, crate, part.tests, skip && new RegExp(skip, 'u'));
  const record = path.join(crate, 'results.json');
  const before = !again && fs.existsSync(record) ? JSON.parse(fs.readFileSync(record, 'utf8')) : {};
  const results = {};
  const end = Date.now() + Number(minutes) * 60_000;
  for (const number of spread(numbers)) {
    const key = mutants[number];
    const known = before[key];
    if (known !== 'found' && known !== 'hangs' && Date.now() > end) {
      if (known !== undefined) results[key] = known;
      continue;
    }
    results[key] = known === 'found' || known === 'hangs' ? known : tryMutant(executable, crate, number, tests);
    fs.writeFileSync(record, JSON.stringify({ ...before, ...results }, null, 1));
  }
  fs.writeFileSync(record, JSON.stringify(results, null, 1));
  const count = (kind) => Object.values(results).filter((result) => result === kind).length;
  const survivors = Object.keys(results).filter((key) => results[key] === 'survives' || results[key] === 'not run');
  for (const key of survivors) process.stdout.write(`${results[key]}  ${key}\n`);
  const found = count('found') + count('hangs');
  const tried = Object.keys(results).length;
  const share = ((100 * found) / tried).toFixed(1);
  process.stdout.write(
    `${name}: ${found} of ${tried} found (${share} %), ${numbers.length - tried} not tried: ${count('hangs')} do not end; ` +
      `${survivors.length} survive, of which no test comes by ${count('not run')}. ` +
      `${leftOut} do not compile, ${mutants.length - numbers.length - leftOut} are not in the build.\n`,
  );
  return found >= 0.9 * tried;
}

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    minutes: { type: 'string', default: 'Infinity' },
    skip: { type: 'string' },
  },
});
if (names.length === 0 || names.some((each) => !(each in PARTS))) {
  process.stderr.write(
    `usage: npm run test:mutants -- ${Object.keys(PARTS).join('|')} ... [--again] [--minutes M] [--skip REGEXP]\n`,
  );
  process.exitCode = 2;
} else if (!names.map((each) => run(each, values)).every(Boolean)) process.exitCode = 1;
