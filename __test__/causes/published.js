'use strict';
// Leaks in published packages: a folder has one subfolder for each, with `package.json`, and `leak.js`, which gives its step
// to `../measure.js`. They are copied, installed and driven as the programs of programs.js are.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { runDriven } = require('./run.js');

/** In place of the folder's own measure.js. */
const MEASURE = 'module.exports = (step) => drive((i) => step(i));\n';

/** @param {string} folder @returns {{title: string, folder: string}[]} */
const publishedLeaks = (folder) =>
  fs
    .readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ title: name, folder: path.resolve(folder, name) }));

/**
 * @param {{title: string, folder: string}} leak
 * @param {{node?: string, steps?: number, warm?: number}} options
 * @returns {Promise<{dir: string, snapshots: string[]}>}
 */
async function runPublished({ title, folder }, { node, steps, warm }) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-published-'));
  const own = path.join(dir, title);
  fs.cpSync(folder, own, { recursive: true });
  fs.writeFileSync(path.join(dir, 'measure.js'), MEASURE);
  execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund'], { cwd: own });
  return { dir, snapshots: await runDriven(path.join(own, 'leak.js'), title, { node, steps, warm, dir }) };
}

module.exports = { publishedLeaks, runPublished };
