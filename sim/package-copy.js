'use strict';
// A copy of the package in a directory of its own, instrumented, with the edits of a mutant if one is given.

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { instrument } = require('./instrument.js');
const { randomWords } = require('./seams.js');

const ROOT = path.join(__dirname, '..');
const COPIED = ['lib', 'index.js', 'package.json', 'binding.js', '__test__/helpers'];
/** Folders whose work is counted. */
const COUNTED = /^lib\/(?:cache|track)\//;
/** The globals that each part of the package has from the simulation; their weak references are edits, below. */
const SEAMS = [
  { files: /^lib\/(?:timers\.js|cache\/lru-cache\/)/, globals: ['globalThis'] },
  { files: /^lib\/track\/reservoir\.js$/, globals: ['Math'] },
];
/** What runs on the simulated machine of `system/`, and which of its globals each file has. */
const SYSTEM =
  /^lib\/(?:cli\/(?:run|supervisor|states|family|signals|run-directory|leftovers|begun|running-time|views)|report\/(?:files|analyze)|snapshot\/images|directories)\.js$/;
const SYSTEM_GLOBALS = ['process', 'Date', 'performance', 'setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'];

/** Bounds that are smaller in the copy, so that small programs reach them. */
const BOUNDS = [
  { file: 'lib/track/timers.js', find: 'const CHECKS = 256;', replace: 'const CHECKS = 3;' },
  { file: 'lib/cli/states.js', find: 'const MOST_ENDED = 16;', replace: 'const MOST_ENDED = 3;' },
  { file: 'lib/cache/weak-value-map.js', find: 'const STEP = 10_000;', replace: 'const STEP = 40;' },
  { file: 'lib/cache/weak-value-map.js', find: 'const MOST_SURVIVORS = 1000;', replace: 'const MOST_SURVIVORS = 10;' },
  {
    file: 'lib/cache/lru-cache/order.js',
    find: 'const LARGEST_NUMBER = 2 ** 31 - 1;',
    replace: 'const LARGEST_NUMBER = 30;',
  },
];

/** Weak references that die when the simulation says so. */
const REFERENCES = ['lib/cache/weak-value-map.js', 'lib/cache/sweeper.js'].map((file) => ({
  file,
  find: "require('./built-ins.js')",
  replace: "{ ...require('./built-ins.js'), ...__sim.references }",
}));

/** The time of the trackers. */
const CLOCKS = ['lib/track/crowd.js', 'lib/track/reservoir.js', 'lib/track/tick.js'].map((file) => ({
  file,
  find: "require('../timers.js')",
  replace: "{ ...require('../timers.js'), monotonicNow: () => __sim.timers.now }",
}));

/** Has the package draw the same words at random in each run. */
function seedRandom() {
  const { randomFillSync } = crypto;
  crypto.randomFillSync = (view) => {
    view.set(randomWords(view.length));
    return view;
  };
  return () => {
    crypto.randomFillSync = randomFillSync;
  };
}

function instrumentFolder(folder) {
  for (const entry of fs.readdirSync(path.join(folder, 'lib'), { recursive: true, encoding: 'utf8' })) {
    const name = path.posix.join('lib', entry);
    if (!name.endsWith('.js')) continue;
    const globals = SEAMS.filter(({ files }) => files.test(name)).flatMap((seam) => seam.globals);
    const system = SYSTEM.test(name) ? SYSTEM_GLOBALS : [];
    if (!COUNTED.test(name) && globals.length === 0 && system.length === 0) continue;
    const file = path.join(folder, name);
    fs.writeFileSync(file, instrument(fs.readFileSync(file, 'utf8'), name, globals, system));
  }
}

/** Replaces a piece of source, which must occur exactly once. */
function edit(folder, { file, find, replace }) {
  const target = path.join(folder, file);
  const text = fs.readFileSync(target, 'utf8');
  if (text.split(find).length !== 2) throw new Error(`${file} must have this once: ${find}`);
  fs.writeFileSync(
    target,
    text.replace(find, () => replace),
  );
}

/**
 * @param {{ file: string, find: string, replace: string }[]} [edits]  made before the files are instrumented
 * @returns {string} the directory; the caller removes it
 */
function copyPackage(edits = []) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-sim-'));
  try {
    for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true });
    for (const name of fs.readdirSync(ROOT).filter((each) => each.endsWith('.node') || each === 'node_modules'))
      fs.symlinkSync(path.join(ROOT, name), path.join(folder, name));
    for (const each of [...BOUNDS, ...REFERENCES, ...CLOCKS, ...edits]) edit(folder, each);
    instrumentFolder(folder);
    return folder;
  } catch (error) {
    fs.rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The package in `folder`: what users import, and `internal` for what tests look into. */
function load(folder) {
  const restore = seedRandom();
  try {
    const internal = (name) => require(path.join(folder, name));
    return { ...internal('lib/cache/index.js'), ...internal('lib/track/index.js'), internal };
  } finally {
    restore();
  }
}

module.exports = { copyPackage, load };
