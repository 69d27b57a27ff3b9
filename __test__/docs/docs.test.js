'use strict';
// What the README and the pages of docs/ show runs: each JavaScript block as a program, each plimsoll and npm command
// as far as its options go. Links lead somewhere, and lines of prose are short.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { main, parse } = require('../../lib/cli/main.js');
const { requireNative } = require('../../lib/native.js');
const { leakReport } = require('../support/reports.js');
const { ROOT, PAGES, read, blocks, commands } = require('../support/pages.js');
const { scripts, exports: entries } = require('../../package.json');

/** What a page's blocks have beside plimsoll: globals, for a block may declare the same name. */
const SETTINGS = {
  // v8.queryObjects is experimental, and says so once.
  'docs/benchmarks.md': `process.removeAllListeners('warning');`,
  'docs/caches.md': `
    const { RingBuffer, WeakValueMap } = require('plimsoll');
    Object.assign(globalThis, { RingBuffer, WeakValueMap, id: 1, session: {}, event: {}, socket: {}, load: async () => ({}) });`,
  'docs/detection.md': `Object.assign(globalThis, { test: require('node:test'), login: async ({ name }) => name.length });`,
  'docs/scaling.md': `
    class Stub {}
    Object.assign(globalThis, require('plimsoll'), { url: '/', render: async () => 'page', Keyv: Stub, Cacheable: Stub, KeyvRedis: class { get() {} set() {} } });`,
  'docs/tracking.md': `Object.assign(globalThis, { pool: new (require('node:events'))(), shutdown: new AbortController() });`,
};
/** What is not for every machine, and what stands for it here. */
const STAND_INS = [
  ['.listen(3000)', '.listen(0)'],
  ["'/var/dumps'", "'dumps'"],
];
/** Pages whose programs need what this Node may lack; the pages say so. */
const SKIPPED = { 'docs/heap-images.md': requireNative().snapshotSupport().image };
/** First words of commands that are not ours, nor Node's. */
const FOREIGN = new Set([
  'cargo',
  'npx',
  'promtool',
  'autocannon',
  'cd',
  'git',
  'pip',
  'curl',
  'kill',
  'wait',
  'docker',
  'kubectl',
]);
/** Programs of a reader. */
const READERS = /^(server|app|bootstrap|dist\/main)\.js$/;

// One folder for all: plimsoll can be required there, three snapshots and a report are at hand.
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-docs-'));
test.after(() => fs.rmSync(folder, { recursive: true }));
fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
fs.mkdirSync(path.join(folder, 'dumps'));
fs.mkdirSync(path.join(folder, 'src'));
fs.writeFileSync(path.join(folder, 'report.json'), JSON.stringify(leakReport()));

// A block with a test of its own is no part of this one.
const node = (...args) =>
  spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 240_000,
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });

function runBlock({ page, text }, name) {
  const program = STAND_INS.reduce((source, [from, to]) => source.replaceAll(from, to), text);
  // As a module: blocks await at the top. What they start may go on, so the end is ours.
  fs.writeFileSync(
    path.join(folder, name),
    [
      "import { createRequire } from 'node:module';",
      `const require = createRequire(${JSON.stringify(path.join(ROOT, 'index.js'))});`,
      `{ globalThis.module = { exports: {} }; ${SETTINGS[page] ?? ''} }`,
      program,
      page === 'docs/detection.md' ? '' : 'setImmediate(() => process.exit());',
    ].join('\n'),
  );
  return node(name);
}

function writeSnapshots() {
  const files = ['A', 'B', 'C'].map((name) => `${name}.heapsnapshot`);
  const { status, stderr } = node(
    '-e',
    `const held = new Map(); for (const file of ${JSON.stringify(files)}) { for (let i = 0; i < 2000; i++) held.set(held.size, { i }); require('node:v8').writeHeapSnapshot(file); }`,
  );
  assert.equal(status, 0, stderr);
}

test('every JavaScript block runs', async (t) => {
  writeSnapshots();
  for (const page of PAGES) {
    for (const block of blocks(page).filter(({ language }) => language === 'js')) {
      await t.test(`${page}:${block.line}`, { skip: SKIPPED[page] ?? false }, () => {
        const { status, stderr, stdout } = runBlock(block, `${page.replaceAll(/\W/g, '-')}-${block.line}.mjs`);
        assert.deepEqual(
          [status, stderr],
          [0, ''],
          `${stdout}\n${stderr}\nWhat a block has beside plimsoll goes into SETTINGS of this test.`,
        );
      });
    }
  }
});

test('every JSON block parses', () => {
  for (const page of PAGES) for (const { language, text } of blocks(page)) if (language === 'json') JSON.parse(text);
});

/** What is wrong with a command, if anything is. */
function fault({ variables, words: [program, ...args] }) {
  for (const variable of variables) {
    const [name] = variable.split('=');
    if (name.startsWith('PLIMSOLL_') && !read('docs/options.md').includes(`\`${name}\``))
      return `${name} is not in docs/options.md`;
  }
  const [name, ...rest] = program === 'npx' ? args : [program, ...args];
  if (name === 'plimsoll') {
    if (rest[0].startsWith('--'))
      return ['--help', '--version'].includes(rest[0]) ? null : `${rest[0]} is no option of plimsoll`;
    try {
      parse(rest[0], require(`../../lib/cli/${rest[0]}.js`), rest.slice(1));
      return null;
    } catch (error) {
      return error.message;
    }
  }
  if (program === 'npm') {
    if (args[0] === 'run') return args[1] in scripts ? null : `there is no script ${args[1]}`;
    return ['ci', 'test', 'install', 'publish'].includes(args[0]) ? null : `npm ${args[0]}?`;
  }
  if (program === 'node') {
    const preload = args.indexOf('--import');
    if (preload >= 0 && !(args[preload + 1].replace(/^plimsoll/, '.') in entries))
      return `${args[preload + 1]} cannot be imported`;
    const file = args
      .filter((_, at) => preload < 0 || (at !== preload && at !== preload + 1))
      .find((arg) => !arg.startsWith('-'));
    return file === undefined || READERS.test(file) || isProgram(file) ? null : `there is no ${file}`;
  }
  return FOREIGN.has(program) || isProgram(program) ? null : `${program} is unknown to FOREIGN of this test`;
}

function isProgram(file) {
  const at = path.join(ROOT, file);
  return fs.existsSync(at) || fs.existsSync(path.join(at, 'index.js')) || fs.existsSync(`${at}.js`);
}

test('every command that is shown is one, with options that exist', () => {
  const faults = [];
  let seen = 0;
  for (const page of PAGES) {
    const shown = blocks(page)
      .filter(({ language }) => ['sh', 'bash'].includes(language))
      .flatMap(({ text }) => commands(text));
    // In the text and in tables: `npm run x`, `node bench/y.js`, `plimsoll run --track`.
    const quoted = [
      ...read(page).matchAll(
        /`((?:npm run|node|npx plimsoll|plimsoll (?:run|analyze|attach|fleet|scan|doctor|demo)) [^`\n]*)`/g,
      ),
    ].flatMap(([, text]) => commands(text.replaceAll('…', '')));
    for (const command of [...shown, ...quoted]) {
      seen++;
      const what = fault(command);
      if (what !== null) faults.push(`${page}: ${command.words.join(' ')}: ${what}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(seen > 30, `${seen} commands`);
});

test('commands that need no service are run', async () => {
  const ours = PAGES.flatMap((page) =>
    blocks(page)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ text }) => commands(text)),
  );
  const runs = ours
    .filter(({ words }) => words.includes('plimsoll'))
    .map(({ words }) => words.slice(words.indexOf('plimsoll') + 1))
    .filter(([name]) => ['analyze', 'doctor'].includes(name));
  assert.ok(runs.some(([name]) => name === 'analyze') && runs.some(([name]) => name === 'doctor'));
  for (const args of runs) {
    const { status, stderr } = node(path.join(ROOT, 'bin/plimsoll.js'), ...args);
    // Three snapshots of a Map that grows are a leak.
    assert.equal(status, args[0] === 'analyze' ? 3 : 0, `${args.join(' ')}: ${stderr}`);
  }
});

test('every command of the command line has help with an example whose options exist', async () => {
  for (const name of ['run', 'analyze', 'attach', 'fleet', 'demo', 'doctor', 'scan']) {
    const io = {
      env: {},
      out: '',
      stdout: { write: (text) => (io.out += text) },
      stderr: { write: (text) => (io.out += text) },
    };
    assert.equal(await main([name, '--help'], io), 0);
    const example = /Example:\n +(.+)\n/.exec(io.out)?.[1];
    assert.deepEqual(commands(example).map(fault), [null], example);
  }
});

/** As GitHub makes them of headings. */
const anchors = (page) =>
  new Set(
    [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );

test('every link leads somewhere', () => {
  let seen = 0;
  for (const page of PAGES) {
    for (const [, target, anchor] of read(page).matchAll(
      /(?:\]\(|(?:src|srcset|href)=")(?!https?:)([^)#"\s]*)(?:#([^)"\s]*))?/g,
    )) {
      const file = target === '' ? page : path.join(path.dirname(page), target);
      seen++;
      assert.ok(fs.existsSync(path.join(ROOT, file)), `${page}: ${target}`);
      if (anchor !== undefined) assert.ok(anchors(file).has(anchor), `${page}: ${target}#${anchor}`);
    }
  }
  assert.ok(seen > 20);
});

test('each page is linked from the README or another page', () => {
  const linked = new Set(
    PAGES.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#]+\.md)/g)].map(([, target]) => path.join(path.dirname(page), target)),
    ),
  );
  for (const page of PAGES) assert.ok(page === 'README.md' || linked.has(page), page);
});

const COLUMNS = 120;
const PARAGRAPH = 4;

/** Lines of prose that are too long, and paragraphs or list items of too many lines. */
function longProse(page) {
  const faults = [];
  let isCode = false;
  let lines = 0;
  for (const [at, line] of read(page).split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode;
    const isProse = !isCode && line.trim() !== '' && !/^(?:#|\||\s*<| {4}|!\[)/.test(line);
    lines = isProse ? (/^\s*(?:[-*]|\d+\.)\s/.test(line) ? 1 : lines + 1) : 0;
    if (isProse && line.length > COLUMNS) faults.push(`${page}:${at + 1}: ${line.length} columns`);
    if (lines === PARAGRAPH + 1) faults.push(`${page}:${at + 1}: a paragraph of more than ${PARAGRAPH} lines`);
  }
  return faults;
}

/** The Markdown pages of a folder of the repository. */
const pagesIn = (directory, recursive = true) =>
  fs
    .readdirSync(path.join(ROOT, directory), { recursive, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => path.join(directory, name));

test('no line of prose has more than 120 columns, no paragraph more than four lines', () => {
  const pages = [...pagesIn('.', false), ...pagesIn('docs'), ...pagesIn('bench'), ...pagesIn('examples')];
  for (const page of ['README.md', 'SECURITY.md', 'docs/caches.md', 'bench/results/scan.md'])
    assert.ok(pages.includes(page));
  assert.deepEqual(pages.flatMap(longProse), []);
});
