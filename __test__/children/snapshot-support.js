'use strict';
// What the tests of snapshots share.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { resolve: resolveOptions } = require('../../lib/snapshot/options.js');

/** What a converter calls itself. */
const CONVERTER = 'plimsoll-snap';
const PROGRAM = path.join(__dirname, 'take-snapshot.js');

/** A directory that goes with the test. */
function temporaryDir(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-snapshot-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Starts a process that takes a snapshot. */
function start(options, execArgv = []) {
  return spawn(process.execPath, [...execArgv, PROGRAM, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What came of it. */
async function run(options, execArgv) {
  const child = start(options, execArgv);
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  return JSON.parse(out);
}

/** Waits for something that another process does. */
async function until(condition, limitMs = 300_000) {
  const end = Date.now() + limitMs;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain for ${condition}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

const snapshotsIn = (dir, ending = '.heapsnapshot') =>
  fs.readdirSync(dir).filter((file) => file.endsWith(ending)).toSorted();
const partialsIn = (dir, ending = '.heapsnapshot') => snapshotsIn(dir, `${ending}.partial`);

/** What the descriptors of a process refer to. One that is closed meanwhile is left out. */
const openFiles = (pid) =>
  fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
    } catch {
      return [];
    }
  });

/** Whether a process has an unfinished file of that directory open, with a temporary name or (O_TMPFILE) without one. */
const isWriting = (pid, dir) =>
  openFiles(pid).some(
    (file) => path.dirname(file) === dir && (file.endsWith('.partial') || file.endsWith(' (deleted)')),
  );

/** The children of all threads of a process. */
const childrenOf = (parent) =>
  fs.readdirSync(`/proc/${parent}/task`).flatMap((thread) => {
    try {
      return fs.readFileSync(`/proc/${parent}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
    } catch {
      return []; // the thread has ended
    }
  });

/** The pids of the converters of a process, or of the children that write images. @param {string} [name] of a child */
function forksOf(parent, name = CONVERTER) {
  return childrenOf(parent).filter((pid) => {
    try {
      // Before it runs the program of a converter, it is a copy of the service with the name of the thread that starts it.
      const isOther = name === CONVERTER && !fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('converter.js');
      return !isOther && fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
    } catch {
      return false;
    }
  }).map(Number);
}

/** What a request to the native side has for its converter. */
function converting() {
  const { converter, environment } = resolveOptions();
  return { converter, environment };
}

/** Parses a snapshot file, which fails when it is not whole. */
function parse(file) {
  const heap = JSON.parse(fs.readFileSync(file, 'utf8'));
  const { meta, node_count: nodes, edge_count: edges } = heap.snapshot;
  if (heap.nodes.length !== nodes * meta.node_fields.length) throw new Error(`${file} lacks nodes`);
  if (heap.edges.length !== edges * meta.edge_fields.length) throw new Error(`${file} lacks edges`);
  return heap;
}

module.exports = { temporaryDir, start, run, until, snapshotsIn, partialsIn, isWriting,
  openFiles, forksOf, parse, converting };
