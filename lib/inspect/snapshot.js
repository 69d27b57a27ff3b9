'use strict';
// A heap snapshot of another process through its inspector: it stops that process for as long as it takes.

const fs = require('node:fs');
const path = require('node:path');
const { promisify } = require('node:util');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { learnBuiltIns } = require('../snapshot/built-ins.js');
const { unless } = require('./unless.js');

const pad = (n, width = 2) => String(n).padStart(width, '0');

/** As Node names its own: Heap.date.time.pid.thread.sequence. */
function nameOf(pid, sequence, now = new Date()) {
  const date = `${now.getFullYear()}${pad(now.getMonth() + 1)}${pad(now.getDate())}`;
  const time = `${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  return `Heap.${date}.${time}.${pid}.0.${pad(sequence, 3)}.heapsnapshot`;
}

/** What is written of each piece of the text. */
async function rewriter(redact) {
  if (!redact) return { write: (text) => text, isWhole: () => true };
  await learnBuiltIns();
  const { SnapshotRedactor } = requireNative();
  return new SnapshotRedactor();
}

/**
 * @param {import('./session.js').Session} session
 * @param {{dir: string, pid: number, sequence: number, redact?: boolean, patienceMs?: number, signal?: AbortSignal}}
 * options `pid` goes into the path: from the command line, never from the process; `redact`: no data reaches the disk;
 * `patienceMs`: how long neither progress nor a chunk may come; `signal` abandons the snapshot
 * @returns {Promise<{path: string, method: 'inspector', pauseMs: number, bytes: number, nodes: number | null}>}
 */
async function takeSnapshot(session, { dir, pid, sequence, redact = false, patienceMs, signal }) {
  signal?.throwIfAborted();
  const text = await rewriter(redact);
  const file = path.join(dir, nameOf(pid, sequence));
  const partial = `${file}.partial`;
  let fd;
  try {
    fd = fs.openSync(partial, 'wx', 0o600);
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_DIR',
      `a snapshot cannot be written to ${dir} (${cause.message}); give a writable directory with --dir.`,
      { cause },
    );
  }
  let bytes = 0;
  let head = '';
  let failure;
  const write = ({ chunk }) => {
    if (failure || typeof chunk !== 'string') return;
    if (head.length < 4096) head += chunk.slice(0, 4096);
    try {
      const piece = text.write(chunk);
      // Unlike writeSync, all of it or an error.
      fs.appendFileSync(fd, piece);
      bytes += Buffer.byteLength(piece);
    } catch (error) {
      failure = error;
    }
  };
  session.on('HeapProfiler.addHeapSnapshotChunk', write);
  const start = performance.now();
  try {
    // The reports of progress show that the process is not stuck before the first chunk.
    const params = { reportProgress: true };
    await unless(signal, session.send('HeapProfiler.takeHeapSnapshot', params, { patienceMs }));
    if (failure?.code?.startsWith('ERR_PLIMSOLL_')) throw failure;
    if (failure)
      throw new PlimsollError(
        'ERR_PLIMSOLL_DIR',
        `the snapshot could not be written completely to ${dir} (${failure.message}); give a directory with enough room with --dir.`,
        { cause: failure },
      );
    if (!text.isWhole())
      throw new PlimsollError(
        'ERR_PLIMSOLL_SNAPSHOT',
        'the snapshot from the inspector is incomplete; take another one.',
      );
    // Not at once: while this process waited for a slow disk, it would not renew the lease of the inspector.
    await promisify(fs.fsync)(fd);
    // link refuses what exists already, rename would replace it.
    fs.linkSync(partial, file);
    const nodes = /"node_count":\s*(\d+)/.exec(head)?.[1];
    return {
      path: file,
      method: 'inspector',
      pauseMs: performance.now() - start,
      bytes,
      nodes: nodes === undefined ? null : Number(nodes),
    };
  } finally {
    session.off('HeapProfiler.addHeapSnapshotChunk', write);
    fs.closeSync(fd);
    fs.rmSync(partial, { force: true });
  }
}

module.exports = { takeSnapshot, nameOf };
