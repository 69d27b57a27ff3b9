'use strict';
// `.heapprofile` files: what allocation sampling knows, in the form that DevTools loads (Memory, "Load profile").

const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { PlimsollError } = require('../errors.js');
const { adviceFor } = require('./attempts.js');
const { ensureDirectory, writeWhole } = require('../report/files.js');
const { PLAIN } = require('../report/shown.js');

const two = (n) => String(n).padStart(2, '0');
let sequence = 0;

/** As Node's --heap-prof names them: `Heap.20261121.081939.19211.0.001.heapprofile`. */
function nameOf(now) {
  const date = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  const time = `${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
  return `Heap.${date}.${time}.${process.pid}.${threadId}.${String(++sequence).padStart(3, '0')}.heapprofile`;
}

/** The same profile with names and scripts as outputs show them. @param {any} node @param {import('../report/shown.js').Shown} shown */
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
 * @param {{ dir: string, file?: string, shown?: import('../report/shown.js').Shown }} where `file` is resolved against `dir`;
 *   without it the name is made; `shown`: what the file shows of names
 * @returns {Promise<string>} the path
 */
async function saveHeapProfile(profile, { dir, file = nameOf(new Date()), shown = PLAIN }) {
  const target = path.resolve(dir, file);
  try {
    if (shown.redacts) await shown.learn([...scriptsOf(profile.head)]);
    const head = shown.redacts ? redacted(profile.head, shown) : profile.head;
    await ensureDirectory(path.dirname(target));
    await writeWhole(target, JSON.stringify({ ...profile, head }));
    return target;
  } catch (cause) {
    throw new PlimsollError('ERR_PLIMSOLL_REPORT_WRITE', `the allocation profile cannot be written to ${target} (${cause.message}); ${adviceFor(cause)}.`, { cause });
  }
}

module.exports = { saveHeapProfile };
