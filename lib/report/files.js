'use strict';
// Writes a report's views to files: whole or not at all, readable by their owner alone.

const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { adviceFor } = require('../watch/attempts.js');

const VIEWS = {
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  html: (report, { sourceRoots } = {}) => require('./html.js').renderHtml(report, { sourceRoots }),
  text: (report) => require('./terminal.js').render(report, { color: false, width: 100 }),
};

/** A view for a pipe: JSON is one line there, so that several reports can be told apart. */
const streamed = (report, format, options) => (format === 'json' ? `${JSON.stringify(report)}\n` : VIEWS[format](report, options));

/** `plimsoll-19211-001`, the host's name too where every process is pid 1. */
function stem(pid, sequence) {
  const host = pid === 1 ? `${os.hostname().replaceAll(/[^\w.-]/g, '_')}-` : '';
  return `plimsoll-${host}${pid}-${String(sequence).padStart(3, '0')}`;
}

/**
 * Writes `text` under `file`, which never holds a part of it.
 * @param {string} file @param {string} text @param {{exclusive?: boolean}} [options]
 */
async function writeWhole(file, text, { exclusive = false } = {}) {
  const partial = `${file}.${process.pid}.partial`;
  try {
    const handle = await fs.open(partial, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // link refuses what exists; rename replaces it.
    if (exclusive) await fs.link(partial, file);
    else await fs.rename(partial, file);
  } finally {
    await fs.rm(partial, { force: true });
  }
}

/** A device, a pipe (`/dev/stdout`): to be written into, not to be put a file in the place of. */
const isSpecial = (file) => fs.stat(file).then((stat) => !stat.isFile() && !stat.isDirectory(), () => false);

const unwritable = (file, cause) => new PlimsollError('ERR_PLIMSOLL_REPORT_WRITE', `the report cannot be written to ${file} (${cause.message}).`, { cause });

/**
 * Refuses what a report could not be written to, before somebody waits for the report.
 * @param {string} file
 */
async function checkTarget(file) {
  const target = path.resolve(file);
  try {
    if ((await fs.stat(target).catch(() => null))?.isDirectory()) throw new Error('it is a directory');
    if (!(await isSpecial(target))) await fs.access(path.dirname(target), fs.constants.W_OK);
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/**
 * Writes one view of a report where the user wants it.
 * @param {any} report @param {'json' | 'html' | 'text'} format @param {string} file
 * @param {{sourceRoots?: string[]}} [options] folders whose source may be quoted, beside the working directory
 * @returns {Promise<string>} its absolute path
 */
async function writeView(report, format, file, options) {
  const target = path.resolve(file);
  try {
    const text = VIEWS[format](report, options);
    if (await isSpecial(target)) await fs.writeFile(target, text);
    // Through a symbolic link, not in its place.
    else await writeWhole(await fs.realpath(target).catch(() => target), text);
  } catch (cause) {
    throw unwritable(file, cause);
  }
  return target;
}

const exists = (file) => fs.stat(file).then(Boolean, () => false);

/** Node's recursive mkdir never ends where a parent that exists refuses with ENOENT, as procfs does. */
async function ensureDirectory(dir) {
  if (await exists(dir)) return;
  const parent = path.dirname(dir);
  if (parent !== dir) await ensureDirectory(parent);
  // What it will hold is for its owner alone.
  await fs.mkdir(dir, { mode: 0o700 }).catch((error) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/**
 * @param {any} report
 * @param {{dir: string, formats: string[], sourceRoots?: string[]}} options
 * @returns {Promise<string[]>} the paths written
 */
async function writeReport(report, { dir, formats, sourceRoots }) {
  if (formats.length === 0) return [];
  try {
    await ensureDirectory(dir);
    for (let sequence = 1; sequence < 1000; sequence++) {
      const files = formats.map((format) => path.join(dir, `${stem(report.pid, sequence)}.${format === 'text' ? 'txt' : format}`));
      const written = [];
      try {
        for (const [at, format] of formats.entries()) {
          await writeWhole(files[at], VIEWS[format](report, { sourceRoots }), { exclusive: true });
          written.push(files[at]);
        }
        return files;
      } catch (error) {
        // Views of one report have one number: all of them go to the next.
        for (const file of written) await fs.rm(file, { force: true });
        if (error.code !== 'EEXIST') throw error;
      }
    }
  } catch (cause) {
    throw new PlimsollError('ERR_PLIMSOLL_REPORT_WRITE', `the report cannot be written to ${dir} (${cause.message}); ${adviceFor(cause)}.`, { cause });
  }
  throw new PlimsollError('ERR_PLIMSOLL_REPORT_WRITE', `${dir} holds 999 reports of pid ${report.pid}; remove some.`);
}

module.exports = { streamed, checkTarget, ensureDirectory, writeReport, writeView, writeWhole };
