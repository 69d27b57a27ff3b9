'use strict';
// `.heapprofile` files: what allocation sampling knows, in the form that DevTools loads (Memory, "Load profile").

const fs = require('node:fs');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { PlimsollError } = require('../errors.js');
const { adviceFor } = require('../attempts.js');
const { makeDirectory } = require('../directories.js');
const { ensureDirectory, writeWhole } = require('../report/files.js');
const { PLAIN } = require('../report/shown.js');

const two = (n) => String(n).padStart(2, '0');
let sequence = 0;

/** As Node's --heap-prof names them: `Heap.20261121.081939.19211.0.001.heapprofile`. */
function nameOf(now, kind = '') {
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `Heap.${date}.${time}.${process.pid}.${threadId}.${String(++sequence).padStart(3, '0')}${kind}.heapprofile`;
}

/**
 * The same profile with names and scripts as outputs show them. @param {any} node @param
 * {import('../report/shown.js').Shown} shown
 */
function redacted(node, shown) {
  const { functionName, url } = node.callFrame;
  const callFrame = { ...node.callFrame, functionName: shown.function(functionName), url: shown.script(url) };
  return { ...node, callFrame, children: node.children.map((child) => redacted(child, shown)) };
}

/** The scripts that a profile names. @param {any} node @param {Set<string>} [found] @returns {Set<string>} */
function scriptsOf(node, found = new Set()) {
  found.add(node.callFrame.url);
  for (const child of node.children) scriptsOf(child, found);
  return found;
}

/**
 * @param {any} profile as V8's inspector gives it (HeapProfiler.SamplingHeapProfile)
 * @param {{ dir: string, file?: string, shown?: import('../report/shown.js').Shown }} where `file` is resolved against
 * `dir`; without it the name is made; `shown`: what the file shows of names; `most`: bytes of the file, above which
 * what is small is added to its caller
 * @returns {Promise<string>} the path
 */
async function saveHeapProfile(profile, { dir, file = nameOf(new Date()), shown = PLAIN, most = Infinity }) {
  const target = path.resolve(dir, file);
  try {
    if (shown.redacts) await shown.learn([...scriptsOf(profile.head)]);
    const head = shown.redacts ? redacted(profile.head, shown) : profile.head;
    await ensureDirectory(path.dirname(target));
    await writeWhole(target, most === Infinity ? JSON.stringify({ ...profile, head }) : bounded(head, most));
    return target;
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_REPORT_WRITE',
      `the allocation profile cannot be written to ${target} (${cause.message}); ${adviceFor(cause)}.`,
      { cause },
    );
  }
}

/** What a last profile has at most, bytes and nodes: there is little memory and time. */
const MOST_BYTES = 2 ** 20;
const MOST_NODES = 4000;
const LONGEST_NAME = 1000;
const LAST = '.near-limit';
const LAST_NAME = /^Heap\.\d+\.\d+\.\d+\.\d+\.\d+\.near-limit\.heapprofile(\.partial)?$/;

/** The profile as text of at most `most` bytes: what is below is added to the caller where it is small. */
function bounded(head, most) {
  const sizes = new Map();
  const sizeOf = (node) => {
    const size = node.children.reduce((sum, child) => sum + sizeOf(child), node.selfSize);
    sizes.set(node, size);
    return size;
  };
  const total = sizeOf(head);
  for (let least = 0; ; least = Math.max(4 * least, total / 2 ** 16, 1)) {
    if ([...sizes.values()].filter((size) => size >= least).length > MOST_NODES) continue;
    const text = JSON.stringify({ head: pruned(head, sizes, least), samples: [] });
    if (Buffer.byteLength(text) <= most || least > total) return text;
  }
}

function pruned(node, sizes, least) {
  const { functionName, url } = node.callFrame;
  const callFrame = {
    ...node.callFrame,
    functionName: functionName.slice(0, LONGEST_NAME),
    url: url.slice(0, LONGEST_NAME),
  };
  const kept = node.children.filter((child) => sizes.get(child) >= least);
  const gone = node.children.reduce((sum, child) => sum + (kept.includes(child) ? 0 : sizes.get(child)), 0);
  return {
    ...node,
    callFrame,
    selfSize: node.selfSize + gone,
    children: kept.map((child) => pruned(child, sizes, least)),
  };
}

/**
 * Writes the profile at once, where the process may be about to end; the oldest of its kind go until `maxFiles` are
 * left. Names that redaction has not learned so far are hashes.
 * @param {any} profile @param {{ dir: string, maxFiles: number, shown?: import('../report/shown.js').Shown }} where
 * @returns {string} the path
 */
function saveLastProfile(profile, { dir, maxFiles, shown = PLAIN }) {
  const target = path.join(dir, nameOf(new Date(), LAST));
  const partial = `${target}.partial`;
  makeDirectory(dir);
  const fd = fs.openSync(partial, 'wx', 0o600);
  try {
    fs.writeFileSync(fd, boundedProfile(profile, shown, MOST_BYTES));
    fs.fsyncSync(fd);
    // link refuses what exists; rename would replace it.
    fs.linkSync(partial, target);
  } finally {
    fs.closeSync(fd);
    fs.rmSync(partial, { force: true });
  }
  const files = fs
    .readdirSync(dir)
    .filter((name) => LAST_NAME.test(name))
    .toSorted();
  for (const name of files.slice(0, -maxFiles)) fs.rmSync(path.join(dir, name), { force: true });
  return target;
}

/** A profile as text of at most `most` bytes. */
const boundedProfile = (profile, shown, most) =>
  bounded(shown.redacts ? redacted(profile.head, shown) : profile.head, most);

module.exports = { saveHeapProfile, saveLastProfile, boundedProfile, LAST_NAME };
