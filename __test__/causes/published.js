'use strict';
// Leaks in published packages: a folder has one subfolder for each, with `package.json`, `expected.json`, and `leak.js` and
// `ok.js`, which give their step to `../measure.js`. They are copied, installed and driven as the programs of programs.js are.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { runDriven } = require('./run.js');

/** In place of the folder's own measure.js. */
const MEASURE = 'module.exports = (step, { drain } = {}) => drive((i) => step(i), { drain });\n';

const foldersOf = (folder) =>
  fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.resolve(folder, name));

/** The leaks. @param {string} folder @returns {{title: string, folder: string, main: string}[]} */
const publishedLeaks = (folder) =>
  foldersOf(folder).map((each) => ({ title: path.basename(each), folder: each, main: 'leak.js' }));

/** The versions without the leak. @param {string} folder @returns {{title: string, folder: string, main: string}[]} */
const publishedFixed = (folder) =>
  foldersOf(folder).map((each) => ({ title: `${path.basename(each)}, fixed`, folder: each, main: 'ok.js' }));

/**
 * @param {{title: string, folder: string, main: string}} program
 * @param {{node?: string, steps?: number, warm?: number, take?: object}} options
 * @returns {Promise<{dir: string, snapshots: string[]}>}
 */
async function runPublished({ title, folder, main }, { node, steps, warm, take }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-published-'));
  const own = path.join(dir, path.basename(folder));
  fs.cpSync(folder, own, { recursive: true });
  fs.writeFileSync(path.join(dir, 'measure.js'), MEASURE);
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund'], { cwd: own });
  return { dir, snapshots: await runDriven(path.join(own, main), title, { node, steps, warm, dir, take }) };
}

/**
 * What is wrong with the suspects, or null: the first of a leak has a cause, a name and a file that the folder expects;
 * a fixed version has none.
 * @param {object[]} suspects @param {{folder: string, main: string}} program
 */
function judgePublished(suspects, { folder, main }) {
  const [suspect] = suspects;
  if (main !== 'leak.js') return suspect === undefined ? null : `a false culprit: ${suspect.cause} ${suspect.name}`;
  if (suspect === undefined) return 'no suspect';
  const { causes, name, file } = JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8'));
  const shown = [suspect.name, ...suspect.path, ...suspect.sites.map((site) => `${site.function} ${site.file}`)].join(
    ' ',
  );
  const files = [suspect.file, ...suspect.sites.map((site) => site.file)].join(' ');
  const checks = {
    cause: causes.includes(suspect.cause),
    name: new RegExp(name).test(shown),
    file: files.includes(file),
  };
  const wrong = Object.keys(checks).filter((key) => !checks[key]);
  return wrong.length === 0 ? null : `wrong ${wrong.join(' and ')}: ${suspect.cause} ${suspect.name} (${suspect.file})`;
}

module.exports = { publishedLeaks, publishedFixed, runPublished, judgePublished };
