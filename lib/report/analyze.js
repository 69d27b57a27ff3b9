'use strict';
// Heap snapshots to a report. The work is done by a process of its own: it needs memory and time that
// a service does not have to spare.

const path = require('node:path');
const { cleanEnv } = require('../clean-env.js');
const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { makeExpendable } = require('../expendable.js');
const { withoutPackages } = require('./adder.js');
const { SCHEMA } = require('./schema.js');

const { sourceFolders } = require('./excerpt.js');
const { parted, takenBack } = require('./fills.js');
const { growthOf, shareOf } = require('./growth.js');
const { recognized } = require('./known-leaks.js');
const { bytes: size } = require('./units.js');
const { kindOf } = require('./words.js');

const CHILD = path.join(__dirname, 'analyzer.js');
const MOST = 3;
/** The code with which the child ends where the folder to spill to takes no more: an allocation cannot fail there. */
const SPILL_EXIT = 74;

/** The length of the longest path of any system (Windows). */
const LONGEST_NAME = 32_767;

const isName = (each) => typeof each === 'string' && each !== '' && each.length <= LONGEST_NAME;

/** @param {unknown} paths @returns {asserts paths is string[]} */
function checkPaths(paths) {
  if (Array.isArray(paths) && paths.length >= 1 && paths.length <= MOST && paths.every(isName)) return;
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `paths must be one to ${MOST} names of heap snapshots${given(paths)}.`,
  );
}

/** What was given instead. */
function given(paths) {
  if (!Array.isArray(paths)) return `, not ${quote(paths)}`;
  const other = paths.findIndex((each) => !isName(each));
  if (other === -1) return `; ${paths.length} were given`;
  const { length } = Object(paths[other]);
  return length > LONGEST_NAME
    ? `; a path has at most ${LONGEST_NAME} characters, number ${other + 1} has ${length}`
    : `; number ${other + 1} is ${quote(paths[other])}`;
}

/**
 * Reads one to three snapshots of one process, the oldest first, and names what grows.
 * @param {string[]} paths
 * @param {{signal?: AbortSignal, top?: number, channel?: 'heap' | 'external' | 'native', unref?: boolean, sourceRoots?: string[], spill?: string}} [options]
 *   `top`: how many suspects at most; `channel`: the one that grew; `unref`: do not keep this process alive for it;
 *   `sourceRoots`: folders whose source may be read, beside the working directory; `spill`: a folder on a disk, for
 *   what does not fit into memory
 * @returns {Promise<object>} a plimsoll.report/1
 */
async function analyze(paths, { signal, top, channel, unref = false, sourceRoots = [], spill } = {}) {
  checkPaths(paths);
  if (!Array.isArray(sourceRoots) || !sourceRoots.every(isName))
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `sourceRoots must be an array of folders, not ${quote(sourceRoots)}.`,
    );
  if (spill !== undefined && !isName(spill))
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `spill must be a folder, not ${quote(spill)}.`);
  signal?.throwIfAborted();
  const request = JSON.stringify({
    paths: paths.map((each) => path.resolve(each)),
    options: {
      top,
      channel,
      sources: sourceFolders(sourceRoots),
      spill: spill && path.resolve(spill),
      spillExit: SPILL_EXIT,
    },
  });
  const { spawn } = require('node:child_process');
  const child = spawn(process.execPath, [CHILD], {
    env: cleanEnv(),
    stdio: ['pipe', 'pipe', 'ignore'],
    windowsHide: true,
  });
  makeExpendable(child.pid);
  // Without a descriptor for them there are no streams, and the error comes in the next turn.
  if (unref) for (const handle of [child, child.stdin, child.stdout]) handle?.unref();
  // It stays open. Its end shows the child that this process has exited.
  child.stdin?.on('error', () => {}); // the child has ended before it read
  child.stdin?.write(`${request}\n`);
  const stop = () => child.kill('SIGKILL');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const answer = await answerOf(child, paths, spill);
    return reportOf(answer, channel);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

function answerOf(child, paths, spill) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (cause) =>
      reject(
        new PlimsollError(
          'ERR_PLIMSOLL_ANALYSIS',
          `the analyzer did not start (${cause.message}); run plimsoll analyze ${paths.join(' ')} on another machine.`,
          { cause },
        ),
      ),
    );
    child.on('close', (code, by) => {
      let answer;
      try {
        answer = JSON.parse(Buffer.concat(chunks).toString());
      } catch {
        if (spill !== undefined && code === SPILL_EXIT) {
          reject(
            new PlimsollError(
              'ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY',
              `what the analysis takes cannot be spilled to ${spill} any more: most likely its disk is full, or the folder was removed. Free space there, or give a folder on another disk.`,
            ),
          );
          return;
        }
        const hint = by === 'SIGKILL' ? ', most likely because memory was short' : '';
        reject(
          new PlimsollError(
            'ERR_PLIMSOLL_ANALYSIS',
            `the analyzer ended early (${by ?? `code ${code}`}${hint}); run plimsoll analyze ${paths.join(' ')} where there is more memory.`,
          ),
        );
        return;
      }
      if (answer.error) reject(new PlimsollError(answer.error.code, answer.error.message));
      else resolve(answer);
    });
  });
}

/**
 * A leak outside of the heap has suspects of more bytes than this, as the trend calls 2 MB a growth and the snapshots
 * may span half of it; those of fewer only hold it.
 */
const LEAST_EXTERNAL = 2 ** 20;

/** The report of what the analyzer found. A rate is known where the files' names have the time. */
function reportOf(answer, channel) {
  const { suspects: grown, unconfirmed, unexplained, snapshots, intervals = [], order, notes, summary } = answer;
  // Without a leak, growth that was uneven is shown; what is too small to count is a note.
  const uneven = unconfirmed.filter(({ reason }) => reason === 'uneven');
  const suspects = grown.length > 0 ? grown : uneven;
  const seconds = intervals.reduce((sum, each) => sum + each, 0);
  const growth = growthOf(snapshots, suspects, { codeBytes: unexplained?.codeBytes, intervalMs: seconds * 1000 });
  // Of all that grew; of one snapshot, of all that is in it. What is outside of the heap a snapshot may not have.
  const all = growth === null ? summary.bytes : growth.bytes;
  const isAll = channel !== 'external' || suspects.reduce((sum, { bytes }) => sum + bytes, 0) > LEAST_EXTERNAL;
  const perMinute = (bytes) => (growth?.intervalMs ? (bytes / growth.intervalMs) * 60_000 : null);
  // The heap bytes of objects that hold native memory do not show how much native memory they hold.
  const sizes = ({ bytes, retained }) =>
    channel === 'native'
      ? { bytes: null, growth: [], retained: [], share: null, bytesPerMinute: null }
      : { bytes, retained, share: isAll ? shareOf(bytes, all) : null, bytesPerMinute: perMinute(bytes) };
  const found = parted(
    suspects.map((suspect) => ({ ...suspect, ...sizes(suspect), sites: withoutPackages(suspect) })),
    channel === 'native' ? null : snapshots.at(-1).heapBytes,
  );
  return {
    schema: SCHEMA,
    version: require('../../package.json').version,
    at: new Date().toISOString(),
    pid: null,
    node: null,
    uptimeMs: null,
    verdict: {
      ...takenBack(verdictOf(grown, uneven, snapshots), found),
      channel: null,
      bytesPerMinute: null,
      limitBytes: null,
      msToLimit: null,
    },
    suspects: found.suspects.map((suspect) => recognized(suspect)),
    fills: found.fills.map((suspect) => recognized(suspect)),
    growth: channel === 'native' ? null : growth,
    snapshots: snapshots.map((snapshot) => Object.assign(snapshot, { method: 'file', pauseMs: null })),
    order,
    series: {},
    liveHeap: liveHeapOf(summary),
    summary: withoutOurs(summary),
    notes: [...notes, ...smallGrowth(unconfirmed)],
  };
}

const OURS = path.join(__dirname, '..') + path.sep;

/** The summary of a program, without plimsoll's own modules: what they hold is no finding. */
function withoutOurs(summary) {
  const { version } = require('../../package.json');
  return {
    ...summary,
    holders: summary.holders.filter(({ file }) => !file?.startsWith(OURS)),
    packages: summary.packages
      .filter(({ name }) => name !== `plimsoll@${version}`)
      .map(({ name, count, shallow, retained }) => ({ name, count, shallow, retained })),
  };
}

/**
 * The bytes of the last snapshot by package and module; each object counts once. What is not listed is the rest.
 * @param {any} summary of the analyzer
 */
function liveHeapOf({ bytes, packages }) {
  return {
    bytes,
    packages: packages.map((row) => ({
      name: row.name,
      bytes: row.shallow,
      count: row.count,
      modules: row.modules
        .filter(({ file }) => !file.startsWith(OURS))
        .map(({ file, shallow, count }) => ({ file, bytes: shallow, count })),
    })),
  };
}

const THREE = 'three snapshots of one process, with load in between, show a leak';

/**
 * @param {object[]} suspects what grew in each interval, evenly
 * @param {object[]} uneven what grew in each interval, but by far less or more in the last one
 * @param {{heapBytes: number}[]} snapshots the oldest first
 */
function verdictOf(suspects, uneven, snapshots) {
  if (snapshots.length === 1)
    return { state: 'too-early', explanation: `one snapshot shows what is large, not what grows: ${THREE}.` };
  const [first, last] = [snapshots[0], snapshots.at(-1)].map(({ heapBytes }) => size(heapBytes));
  const shrank = snapshots.at(-1).heapBytes < snapshots[0].heapBytes;
  if (snapshots.length < MOST) {
    if (suspects.length > 0)
      return { state: 'suspect', explanation: `two snapshots cannot tell a leak from warm-up: ${THREE}.` };
    return {
      state: 'too-early',
      explanation: `the heap went from ${first} to ${last}, and no object accounts for growth: ${THREE}.`,
    };
  }
  if (suspects.length > 0)
    return {
      state: 'leak',
      explanation: 'what is listed grew from the first snapshot to the second and again to the third.',
    };
  if (uneven.length > 0)
    return {
      state: 'suspect',
      explanation:
        'what is listed grew in both intervals, but not evenly: a leak under uneven load and a warm-up both look like this. A later snapshot decides.',
    };
  if (shrank)
    return {
      state: 'too-early',
      explanation: `the heap shrank from ${first} to ${last}, so these snapshots say nothing about growth: take three while memory rises.`,
    };
  return {
    state: 'steady',
    explanation: `no object grew in both intervals by enough to count; the heap went from ${first} to ${last}.`,
  };
}

const MOST_NOTED = 3;

/** @param {any[]} unconfirmed @returns {string[]} a note on growth that is too small to be called a leak */
function smallGrowth(unconfirmed) {
  const small = unconfirmed.filter(({ reason }) => reason === 'small');
  if (small.length === 0) return [];
  const named = small
    .slice(0, MOST_NOTED)
    .map((each) => [kindOf(each), `${each.name} +${size(each.bytes)}`].filter(Boolean).join(' '));
  const rest = small.length > MOST_NOTED ? ` and ${small.length - MOST_NOTED} more` : '';
  return [`growth below 64 KB or 1 % of the heap is not called a leak: ${named.join(', ')}${rest}`];
}

module.exports = { analyze, checkPaths, reportOf };
