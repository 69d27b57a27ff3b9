'use strict';
// Writes a report's views to files: whole or not at all, readable by their owner alone.

const { randomBytes } = require('node:crypto');
const fs = require('node:fs/promises');
const os = require('node:os');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { adviceFor } = require('../attempts.js');
const { tryToCreate } = require('../directories.js');

const VIEWS = {
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  html: (report, { sourceRoots, masked } = {}) => require('./html.js').renderHtml(report, { sourceRoots, masked }),
  text: (report) => require('./terminal.js').render(report, { color: false, width: 100 }),
};

/** A view for a pipe: JSON is one line there, so that several reports can be separated. */
const streamed = (report, format, options) =>
  format === 'json' ? `${JSON.stringify(report)}\n` : VIEWS[format](report, options);

/** `plimsoll-19211-001`, the host's name too where every process is pid 1. */
function stem(pid, sequence) {
  const host = pid === 1 ? `${os.hostname().replaceAll(/[^\w.-]/g, '_')}-` : '';
  return `plimsoll-${host}${pid}-${String(sequence).padStart(3, '0')}`;
}

const OWNER_ONLY = 0o600;

/**
 * Writes `text` under `file`, which never holds a part of it.
 * @param {string} file @param {string} text @param {{exclusive?: boolean, mode?: number}} [options]
 */
async function writeWhole(file, text, { exclusive = false, mode = OWNER_ONLY } = {}) {
  // A process that had this pid and was killed may have left one.
  const partial = `${file}.${randomBytes(4).toString('hex')}.${process.pid}.partial`;
  try {
    const handle = await fs.open(partial, 'wx', OWNER_ONLY);
    try {
      if (mode !== OWNER_ONLY) await handle.chmod(mode);
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
  await syncDirectory(path.dirname(file));
}

/** Until then a loss of power takes new names back. Windows opens no directory, and some file systems sync none. */
async function syncDirectory(dir) {
  const handle = await fs.open(dir, 'r').catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close().catch(() => {});
}

const isOurs = ({ uid }) => process.getuid === undefined || uid === process.getuid();

/**
 * Where a report goes that the user names: through a symbolic link, not in its place.
 * @param {string} target absolute
 * @returns {Promise<{place: string, mode?: number, isSpecial: boolean}>} `isSpecial`: a device or a pipe
 * (`/dev/stdout`), which is written into; `mode`: that of the user's own file, which the report keeps
 */
async function placeOf(target) {
  const link = await fs.lstat(target).catch(() => null);
  if (link === null) return { place: target, isSpecial: false };
  // In a directory that others can write to, it could lead to any file of this user. Links of root (`/dev/stdout`) are
  // the system's.
  if (link.isSymbolicLink() && link.uid !== 0 && !isOurs(link))
    throw new Error('it is a symbolic link of another user');
  const stat = await fs.stat(target).catch((cause) => {
    throw link.isSymbolicLink() && cause.code === 'ENOENT'
      ? new Error('it is a symbolic link to a file that is not there', { cause })
      : cause;
  });
  if (stat.isDirectory()) throw new Error('it is a directory');
  if (!stat.isFile()) return { place: target, isSpecial: true };
  return { place: await fs.realpath(target), mode: isOurs(stat) ? stat.mode & 0o777 : undefined, isSpecial: false };
}

const unwritable = (file, cause) =>
  new PlimsollError('ERR_PLIMSOLL_REPORT_WRITE', `the report cannot be written to ${file} (${cause.message}).`, {
    cause,
  });

/**
 * Refuses what a report could not be written to, before the work whose report it is.
 * @param {string} file
 */
async function checkTarget(file) {
  try {
    const { place, isSpecial } = await placeOf(path.resolve(file));
    if (isSpecial) await fs.access(place, fs.constants.W_OK);
    else tryToCreate(path.dirname(place));
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/**
 * Writes one view of a report where the user wants it.
 * @param {any} report @param {'json' | 'html' | 'text'} format @param {string} file
 * @param {{sourceRoots?: string[], masked?: boolean}} [options] folders whose source may be quoted, beside the working
 * directory, and whether it is masked even if the report is not redacted
 * @returns {Promise<string>} its absolute path
 */
async function writeView(report, format, file, options) {
  return writeText(file, () => VIEWS[format](report, options));
}

/** Writes a text where the user asked for it. @param {string} file @param {() => string} render */
async function writeText(file, render) {
  const target = path.resolve(file);
  try {
    const text = render();
    const { place, mode, isSpecial } = await placeOf(target);
    if (isSpecial) await fs.writeFile(place, text);
    else await writeWhole(place, text, { mode });
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
      const files = formats.map((format) =>
        path.join(dir, `${stem(report.pid, sequence)}.${format === 'text' ? 'txt' : format}`),
      );
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
    throw new PlimsollError(
      'ERR_PLIMSOLL_REPORT_WRITE',
      `the report cannot be written to ${dir} (${cause.message}); ${adviceFor(cause)}.`,
      { cause },
    );
  }
  throw new PlimsollError(
    'ERR_PLIMSOLL_REPORT_WRITE',
    `${dir} has 999 reports of pid ${report.pid}, the largest number; remove some.`,
  );
}

module.exports = { streamed, checkTarget, ensureDirectory, writeReport, writeText, writeView, writeWhole };
