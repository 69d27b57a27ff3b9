'use strict';
// Heap snapshots to a report. The work is done by a process of its own: it needs memory and time that
// a service does not have to spare.

const path = require('node:path');
const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { SCHEMA } = require('./schema.js');

const CHILD = path.join(__dirname, 'analyzer.js');
const MOST = 3;

/** NODE_OPTIONS may preload a watcher or set flags, PLIMSOLL_* start one: the child gets neither. */
function cleanEnv() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('PLIMSOLL_')));
}

/** What the longest path of any system has (Windows). */
const LONGEST_NAME = 32_767;

const isName = (each) => typeof each === 'string' && each !== '' && each.length <= LONGEST_NAME;

/** @param {unknown} paths @returns {asserts paths is string[]} */
function checkPaths(paths) {
  if (Array.isArray(paths) && paths.length >= 1 && paths.length <= MOST && paths.every(isName)) return;
  throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `paths must be one to ${MOST} names of heap snapshots, the oldest first${given(paths)}.`);
}

/** What is wrong with them. */
function given(paths) {
  if (!Array.isArray(paths)) return `, not ${quote(paths)}`;
  const other = paths.findIndex((each) => !isName(each));
  if (other === -1) return `; ${paths.length} were given`;
  return `; ${quote(paths[other])} is none${paths[other]?.length > LONGEST_NAME ? `: a path has at most ${LONGEST_NAME} characters, this one ${paths[other].length}` : ''}`;
}

/**
 * Reads one to three snapshots of one process, the oldest first, and names what grows.
 * @param {string[]} paths
 * @param {{signal?: AbortSignal, top?: number, channel?: 'heap' | 'external' | 'native', unref?: boolean}} [options] `top`: how many
 *   suspects at most; `channel`: the one that grew; `unref`: do not keep this process alive for it
 * @returns {Promise<object>} a plimsoll.report/1
 */
async function analyze(paths, { signal, top, channel, unref = false } = {}) {
  checkPaths(paths);
  signal?.throwIfAborted();
  const request = JSON.stringify({ paths: paths.map((each) => path.resolve(each)), options: { top, channel } });
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, [CHILD], { env: cleanEnv(), stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true });
  if (unref) for (const handle of [child, child.stdin, child.stdout]) handle.unref();
  // It stays open: its end tells the child that this process is gone.
  child.stdin.on('error', () => {}); // the child has ended before it read
  child.stdin.write(`${request}\n`);
  const stop = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await answerOf(child, paths);
    return reportOf(answer, channel);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function answerOf(child, paths) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (cause) => reject(new PlimsollError('ERR_PLIMSOLL_ANALYSIS', `the analyzer did not start (${cause.message}); run plimsoll analyze ${paths.join(' ')} elsewhere.`, { cause })));
    child.on('close', (code, by) => {
      let answer;
      try {
        answer = JSON.parse(Buffer.concat(chunks).toString());
      } catch {
        const hint = by === 'SIGKILL' ? ', for want of memory most likely' : '';
        reject(new PlimsollError('ERR_PLIMSOLL_ANALYSIS', `the analyzer ended early (${by ?? `code ${code}`}${hint}); run plimsoll analyze ${paths.join(' ')} where there is room.`));
        return;
      }
      if (answer.error) reject(new PlimsollError(answer.error.code, answer.error.message));
      else resolve(answer);
    });
  });
}

/**
 * A leak outside of the heap has suspects of more bytes than this, as the trend calls 2 MB a growth and the snapshots may span
 * half of it; those of fewer only hold it.
 */
const LEAST_EXTERNAL = 2 ** 20;

/** The report of what the native side found. A file does not tell the time: rates and limits stay open. */
function reportOf({ suspects, snapshots, notes, summary }, channel) {
  // Of everything that grew; of one snapshot, of all that is in it.
  const all = snapshots.length === 1 ? summary.bytes : suspects.reduce((sum, suspect) => sum + suspect.bytes, 0);
  const isAll = all > (channel === 'external' ? LEAST_EXTERNAL : 0);
  // What holders of native memory take on the heap says nothing of what lies outside.
  const sizes = ({ bytes }) => (channel === 'native' ? { bytes: null, growth: [], share: null } : { bytes, share: isAll ? bytes / all : null });
  return {
    schema: SCHEMA,
    version: require('../../package.json').version,
    at: new Date().toISOString(),
    pid: null,
    node: null,
    uptimeMs: null,
    verdict: { ...verdictOf(suspects, snapshots), channel: null, bytesPerMinute: null, limitBytes: null, msToLimit: null },
    suspects: suspects.map((suspect) => Object.assign(suspect, { bytesPerMinute: null, ...sizes(suspect) })),
    snapshots: snapshots.map((snapshot) => Object.assign(snapshot, { method: 'file', pauseMs: null })),
    series: {},
    summary,
    notes,
  };
}

const THREE = 'three of one process, with load in between, name a leak';

function verdictOf(suspects, { length }) {
  if (length === 1) return { state: 'too-early', explanation: `one snapshot shows what is large, not what grows: ${THREE}.` };
  if (length < MOST) {
    const state = suspects.length > 0 ? 'suspect' : 'too-early';
    return { state, explanation: `two snapshots do not tell a leak from warm-up: ${THREE}.` };
  }
  if (suspects.length > 0) return { state: 'leak', explanation: 'what is listed grew from the first snapshot to the second and again to the third.' };
  return { state: 'steady', explanation: 'nothing grew from the first snapshot to the second and again to the third.' };
}

module.exports = { analyze, reportOf, checkPaths };
