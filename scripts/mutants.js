'use strict';
// npm run test:mutants -- PART ... [--again] [--untried] [--minutes M] [--skip REGEXP] [--only REGEXP]
//
// The mutants of cargo-mutants (`cargo install cargo-mutants --locked`) over a part of src/: how many of them the tests
// of the library find. cargo-mutants lists the mutants; `scripts/mutants/` puts all of them into one build, in which the
// environment chooses one. So each costs a run of the tests that come by it, and not a build of the crate.
//
// The build is of a copy of the crate, with only the modules that the part needs. Without --again, a run passes over the
// mutants that were found before, in functions that have not changed since: after a new test only the others run. It
// tries no more when M minutes have passed; what it has tried by then is spread evenly over the part. Tests whose name
// matches --skip do not run: without the slowest ones, most mutants are found soon, and a run without it tries the
// survivors. The survivors are printed.
//
// With --only, the mutants whose name matches it are tried. With --untried, those that no run has tried.
//
// A mutant meets the unit tests of its own file first, then the others, the shortest first, two mutants at a time.

const { spawn, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');

const ROOT = path.join(__dirname, '..');
const TOOL = path.join(__dirname, 'mutants');

/**
 * By part: its folder, the files of it that are for other platforms or are tests, the paths of those for this platform,
 * the modules of src/lib.rs that it needs, and the tests that may find a mutant.
 */
const PARTS = {
  trend: { folder: 'src/trend', modules: ['trend'], tests: 'trend::', optLevel: 1 },
  leak: {
    folder: 'src/heap/leak',
    modules: ['heap', 'heap_layout', 'js_source', 'sync'],
    tests: 'heap::',
    optLevel: 1,
  },
  snapshot: {
    folder: 'src/snapshot',
    except: ['**/elsewhere.rs', '**/tests.rs'],
    paths: [
      ['src/snapshot/converter/mod.rs', 'linux.rs'],
      ['src/snapshot/image/mod.rs', 'linux.rs'],
    ],
    modules: ['heap_layout', 'js_source', 'os', 'random', 'snapshot', 'sync', 'v8'],
    tests: 'snapshot::',
  },
};

/**
 * A test whose mutant does not end is killed: a mutant that hangs is found. Seconds of processor time, which other work
 * on the machine does not take, and of any time, for one that waits.
 */
const LONGEST = 10;
const LONGEST_WAIT = 30;
/** How many times its usual time a test may take besides. */
const PATIENCE = 20;
/** What a shell returns where a test was killed: by `timeout`, or for its processor time. */
const KILLED = new Set([128 + 9, 128 + 24]);
/** How many tests run in one process, the shortest first, and how many seconds they take together, unless one does. */
const BATCH = 12;
const BATCH_SECONDS = 0.3;
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
  // cargo-mutants follows no path that depends on the platform: it is that of the platform on which mutants run.
  for (const [file, module] of part.paths ?? []) {
    const full = path.join(into, file);
    const text = fs.readFileSync(full, 'utf8');
    const platform =
      /#\[cfg_attr\([^\]]*?path = "elsewhere.rs"\s*\)\]\s*#\[cfg_attr\([^\]]*?path = "[^"]*"\s*\)\]\s*(?=mod platform;)/;
    if (!platform.test(text)) throw new Error(`${file} names its platform in another way`);
    fs.writeFileSync(full, text.replace(platform, `#[path = "${module}"]\n`));
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
  const except = (part.except ?? []).flatMap((glob) => ['--exclude', glob]);
  const args = ['mutants', '--list', '--json', '--file', `${part.folder}/**`, ...except];
  const { status, stdout, stderr } = cargo(args, { cwd: crate });
  if (status !== 0)
    throw new Error(`cargo-mutants cannot list the mutants; cargo install cargo-mutants --locked\n${stderr}`);
  return stdout;
}

/** What a mutant is, wherever its function is in the file: a change of the function makes it another one. */
function identities(crate, list) {
  const texts = new Map();
  return list.map(({ name, file, function: own, span, replacement }) => {
    if (!own) return name;
    if (!texts.has(file)) texts.set(file, fs.readFileSync(path.join(crate, file), 'utf8').split('\n'));
    const { start, end } = own.span;
    const text = texts.get(file).slice(start.line - 1, end.line);
    const at = [span.start.line - start.line, span.start.column];
    const parts = [file, own.function_name, text, at, replacement];
    return crypto.createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 24);
  });
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
function fingerprint(part, crate) {
  const hash = crypto.createHash('sha256').update(JSON.stringify(part));
  const files = fs.readdirSync(path.join(crate, 'src'), { recursive: true, withFileTypes: true });
  const paths = files.filter((each) => each.isFile()).map((each) => path.join(each.parentPath, each.name));
  const tool = ['Cargo.toml', 'src/main.rs', 'mutant.rs'].map((name) => path.join(TOOL, name));
  for (const file of [...paths.toSorted(), path.join(crate, 'Cargo.toml'), path.join(crate, 'Cargo.lock'), ...tool])
    hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}

const reading = (file) => (fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : undefined);

/** Builds the tests of the crate. @returns {{ file?: string, errors: object[], said: string }} */
function compile(crate) {
  const target = path.join(ROOT, 'target/mutants/build');
  const options = ['--profile', 'mutants', '--message-format', 'json', '--target-dir', target];
  const { status, stdout, stderr } = cargo(['test', '--lib', '--no-run', ...options], { cwd: crate });
  const lines = stdout.split('\n').filter(Boolean);
  const messages = lines.map((line) => JSON.parse(line));
  const errors = messages.filter(({ message }) => message?.level === 'error').map(({ message }) => message);
  return {
    file: status === 0 ? messages.findLast((each) => each.executable).executable : undefined,
    errors,
    said: stderr,
  };
}

/** Builds the tests with all mutants that compile, unless the last build was of the same files. */
function build(part, crate) {
  copyCrate(part, crate);
  const source = fingerprint(part, crate);
  const note = path.join(crate, 'built.json');
  const last = reading(note) ?? {};
  if (last.source === source) return last;
  fs.rmSync(note, { force: true });
  const list = path.join(crate, 'list.json');
  fs.writeFileSync(list, listMutants(part, crate));
  const listed = JSON.parse(fs.readFileSync(list, 'utf8'));
  const mutants = listed.map(({ name }) => name);
  const ids = identities(crate, listed);
  // What did not compile before does not now, if its function has not changed.
  const before = new Set(last.notCompiled);
  const leftOut = new Set([...mutants.keys()].filter((number) => before.has(ids[number])));
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
    const { file, errors, said } = compile(crate);
    if (file === undefined) {
      const wrong = [...blamed(crate, errors)].filter((number) => !leftOut.has(number));
      if (wrong.length === 0) throw new Error(errors.map(({ rendered }) => rendered).join('\n') || said);
      wrong.forEach((number) => leftOut.add(number));
      process.stderr.write(`${leftOut.size} of ${mutants.length} mutants do not compile so far\n`);
      continue;
    }
    // Another part's tests have the same name.
    const executable = path.join(crate, 'tests');
    // A run that was killed may have left it running.
    fs.rmSync(executable, { force: true });
    fs.copyFileSync(file, executable);
    const numbers = JSON.parse(edited.stdout);
    const made = { source, executable, mutants, ids, numbers, notCompiled: [...leftOut].map((number) => ids[number]) };
    fs.writeFileSync(note, JSON.stringify(made));
    return made;
  }
}

/**
 * Runs tests in one process, for so many seconds of processor time and of any time at most. What they started ends with
 * it, and what they left in the directory for temporary files is removed.
 * @returns {Promise<{ passed: boolean, seconds: number, isKilled: boolean }>}
 */
async function runTests(executable, crate, tests, env, { most, wait }) {
  const temporary = fs.mkdtempSync(path.join(crate, 'tmp-'));
  const limits = `ulimit -v ${MOST_MEMORY}; ulimit -t ${Math.ceil(most)}`;
  // A job has a process group of its own.
  const job = `set -m; ${limits}; timeout -s KILL ${Math.ceil(wait)} "$0" "$@" & wait $!; status=$?`;
  const script = `${job}; kill -KILL -- -$! 2>/dev/null; times >&3; exit $status`;
  const child = spawn('bash', ['-c', script, executable, '--exact', '--test-threads', '1', ...tests], {
    cwd: crate,
    env: { ...ENVIRONMENT, TMPDIR: temporary, ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stdio[3].on('data', (text) => {
    said += text;
  });
  const [status] = await once(child, 'close');
  fs.rmSync(temporary, { recursive: true, force: true, maxRetries: 3 });
  // Of the shell and of what it ran: `0m1.500s 0m0.010s`.
  const times = [...said.matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = times.reduce((sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest), 0);
  return { passed: status === 0, seconds, isKilled: KILLED.has(status) };
}

/** Which mutants each test comes by, and how long it takes. Known from the last run on the same build. */
async function watchTests({ executable, source }, crate, filter, skip) {
  const { stdout } = spawnSync(executable, ['--list', '--format', 'terse', filter], { encoding: 'utf8', cwd: crate });
  const names = stdout
    .split('\n')
    .filter((line) => line.endsWith(': test'))
    .map((line) => line.slice(0, -': test'.length))
    .filter((name) => !skip?.test(name));
  if (names.length === 0) throw new Error(`there is no test whose name has ${filter}`);
  const note = path.join(crate, 'watched.json');
  const last = reading(note);
  const known = last?.source === source ? last.known : {};
  const seen = path.join(crate, 'seen.txt');
  const failed = [];
  for (const name of names.filter((each) => known[each] === undefined)) {
    fs.rmSync(seen, { force: true });
    const env = { PLIMSOLL_MUTANTS_SEEN: seen };
    const begun = Date.now();
    const { passed, seconds } = await runTests(executable, crate, [name], env, { most: 600, wait: 1800 });
    const text = fs.existsSync(seen) ? fs.readFileSync(seen, 'utf8') : '';
    const mutants = [...new Set(text.split('\n').filter(Boolean).map(Number))];
    if (passed) known[name] = { seconds, elapsed: (Date.now() - begun) / 1000, mutants };
    else failed.push(name);
  }
  fs.writeFileSync(note, JSON.stringify({ source, known }));
  if (failed.length > 0) throw new Error(`tests fail without a mutant: ${failed.join(', ')}`);
  return names.map((name) => ({ name, ...known[name], mutants: new Set(known[name].mutants) }));
}

/** The tests in the order in which they run, in batches of one process each. */
function batches(tests) {
  const all = [];
  for (const test of tests) {
    const last = all.at(-1);
    const fits =
      last !== undefined &&
      last.length < BATCH &&
      last.reduce((sum, { seconds }) => sum + seconds, test.seconds) <= BATCH_SECONDS;
    if (fits) last.push(test);
    else all.push([test]);
  }
  return all;
}

/** The module of a mutant's file, as the names of its tests begin. */
const moduleOf = (mutant) =>
  mutant
    .slice('src/'.length, mutant.indexOf('.rs:'))
    .replaceAll('/', '::')
    .replace(/::mod$/, '');

/** The result of a mutant: found by a test, by its not ending, or not. @returns {Promise<{ result: string, by?: string }>} */
async function tryMutant(executable, crate, { number, name }, tests) {
  const isOwn = (test) => Number(test.name.startsWith(`${moduleOf(name)}::`));
  const own = tests.filter(({ mutants }) => mutants.has(number));
  own.sort((one, other) => isOwn(other) - isOwn(one) || one.elapsed - other.elapsed);
  for (const batch of batches(own)) {
    const sum = (key) => batch.reduce((all, test) => all + test[key], 0);
    const names = batch.map((test) => test.name);
    const env = { PLIMSOLL_MUTANT: String(number) };
    const most = LONGEST + PATIENCE * sum('seconds');
    const wait = LONGEST_WAIT + PATIENCE * sum('elapsed');
    const { passed, isKilled } = await runTests(executable, crate, names, env, { most, wait });
    if (!passed) return { result: isKilled ? 'hangs' : 'found', by: names.join(', ') };
  }
  return { result: own.length === 0 ? 'not run' : 'survives' };
}

/** The same numbers, each part of which is spread over all. */
function spread(numbers) {
  const GOLDEN = (Math.sqrt(5) - 1) / 2;
  return numbers
    .map((number, at) => ({ number, place: (at * GOLDEN) % 1 }))
    .toSorted((one, other) => one.place - other.place)
    .map(({ number }) => number);
}

/** Whether a mutant was found. */
const isKnown = (each) => each?.result === 'found' || each?.result === 'hangs';

async function run(name, { again, untried, minutes, skip, only }) {
  const part = PARTS[name];
  const crate = path.join(ROOT, 'target/mutants', name);
  fs.mkdirSync(crate, { recursive: true });
  for (const left of fs.readdirSync(crate).filter((each) => each.startsWith('tmp')))
    fs.rmSync(path.join(crate, left), { recursive: true, force: true });
  const made = build(part, crate);
  const { executable, mutants, ids, numbers, notCompiled } = made;
  const tests = await watchTests(made, crate, part.tests, skip && new RegExp(skip, 'u'));
  const record = path.join(crate, 'results.json');
  const last = (!again && reading(record)) || {};
  const known = new Map(Object.values(last).map((each) => [each.id, each]));
  const before = {};
  for (const number of numbers) if (known.has(ids[number])) before[mutants[number]] = known.get(ids[number]);
  const results = {};
  const end = Date.now() + Number(minutes) * 60_000;
  let count = 0;
  // What survived before comes first: there may be new tests.
  const isLate = (number) => Number(before[mutants[number]] === undefined);
  const left = spread(numbers)
    .toSorted((one, other) => isLate(one) - isLate(other))
    .values();
  const worker = async () => {
    for (const number of left) {
      const key = mutants[number];
      const isDone = isKnown(before[key]) || (untried && before[key] !== undefined);
      if (isDone || Date.now() > end || !new RegExp(only, 'u').test(key)) {
        if (before[key] !== undefined) results[key] = before[key];
        continue;
      }
      results[key] = { id: ids[number], ...(await tryMutant(executable, crate, { number, name: key }, tests)) };
      if (++count % 20 > 0) continue;
      fs.writeFileSync(record, JSON.stringify({ ...before, ...results }, null, 1));
      process.stderr.write(`${name}: ${count} more mutants tried\n`);
    }
  };
  await Promise.all(Array.from({ length: os.availableParallelism() }, worker));
  fs.writeFileSync(record, JSON.stringify(results, null, 1));
  const amount = (kind) => Object.values(results).filter(({ result }) => result === kind).length;
  const survivors = Object.keys(results).filter((key) => !isKnown(results[key]));
  for (const key of survivors.toSorted()) process.stdout.write(`${results[key].result}  ${key}\n`);
  const found = amount('found') + amount('hangs');
  const tried = Object.keys(results).length;
  const share = ((100 * found) / tried).toFixed(1);
  process.stdout.write(
    `${name}: ${found} of ${tried} found (${share} %), ${numbers.length - tried} not tried: ${amount('hangs')} do not end; ` +
      `${survivors.length} survive, of which no test comes by ${amount('not run')}. ` +
      `${notCompiled.length} do not compile, ${mutants.length - numbers.length - notCompiled.length} are not in the build.\n`,
  );
  return found >= 0.9 * tried;
}

const { values, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    again: { type: 'boolean', default: false },
    untried: { type: 'boolean', default: false },
    minutes: { type: 'string', default: 'Infinity' },
    skip: { type: 'string' },
    only: { type: 'string', default: '' },
  },
});
if (names.length === 0 || names.some((each) => !(each in PARTS))) {
  process.stderr.write(
    `usage: npm run test:mutants -- ${Object.keys(PARTS).join('|')} ... [--again] [--untried] [--minutes M] [--skip REGEXP] [--only REGEXP]\n`,
  );
  process.exitCode = 2;
} else
  (async () => {
    for (const each of names) if (!(await run(each, values))) process.exitCode = 1;
  })();
