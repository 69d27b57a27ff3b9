'use strict';
// The service's side of `send`: it adds files to the queue and starts the sender's process. It keeps no file open, and
// never waits for an upload, except at exit for the stated grace.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { isImage } = require('./image.js');
const { Queue, RANKS } = require('./queue.js');
const { makeExpendable } = require('../expendable.js');
const { destinationsOf, idOf, nameOf } = require('../destinations.js');
const { monotonicNow, sleep } = require('../timers.js');
const { objectName } = require('./object-name.js');

/** From the end of a sender's process to the next one. */
const PAUSE_MS = 5000;
/** The same if files are left that could not be sent. */
const LONG_PAUSE_MS = 10 * 60_000;
/** A sender that loads the AWS SDK needs less than half of it. */
const HEAP_MB = 192;
const EXIT_POLL_MS = 20;
const MOST_EVENT_BYTES = 65_536;

/** Secrets of destinations are in the sender's environment; nothing that would load plimsoll into it is. */
function environment(destinations, env = process.env) {
  const kept = new Set([
    'PLIMSOLL_SEND_HEADERS',
    'PLIMSOLL_SEND_HEADERS_FILE',
    ...destinations.map((each) => each.env),
  ]);
  const isDropped = (name) =>
    (name.startsWith('PLIMSOLL_') && !kept.has(name)) ||
    ['NODE_OPTIONS', 'NODE_TLS_REJECT_UNAUTHORIZED', 'NODE_DEBUG', 'NODE_CHANNEL_FD'].includes(name);
  return Object.fromEntries(Object.entries(env).filter(([name]) => !isDropped(name)));
}

class Sender {
  #options;
  #destinations;
  #queue;
  #dir;
  #warn;
  #child = null;
  #startAt = 0;
  #isWanted = true;
  #stopped = false;
  #counts = { queued: 0, arrived: 0, failed: 0, dropped: 0, bytes: 0 };
  #onExit = () => this.#linger();

  /**
   * @param {{ send: any[], sendRaw: boolean, sendDelete: boolean, sendMaxBytes: number, sendRate: number,
   *   sendGrace: number, report: string[] }} options
   * @param {{ dir: string, warn: (code: string, message: string) => void }} context
   */
  constructor(options, { dir, warn }) {
    this.#options = options;
    this.#dir = dir;
    this.#warn = warn;
    this.#queue = new Queue(dir);
    this.#destinations = destinationsOf(options.send).map((destination) => ({
      ...destination,
      id: idOf(destination),
      peers: destination.kind === 's3' ? require('./to/s3.js').findPeers() : undefined,
    }));
    if (options.sendGrace > 0) process.on('exit', this.#onExit);
  }

  /** Files that were queued, and what became of them. */
  stats() {
    return { ...this.#counts, pending: this.#pending().length };
  }

  /** The formats of a report that is sent: as JSON always. */
  get formats() {
    return [...new Set([...this.#options.report, 'json'])];
  }

  /** Queues the files of a report in these formats. @param {string[]} files @param {{ redacted: boolean }} about */
  addReport(files, { redacted }) {
    const keepsJson = this.#options.report.includes('json');
    for (const file of files) this.add('report', file, { redacted, own: file.endsWith('.json') && !keepsJson });
  }

  /**
   * Queues a file of `dir` for each destination.
   * @param {keyof typeof RANKS} kind @param {string} file
   * @param {{ redacted: boolean, own?: boolean, script?: string }} about `own`: it is removed once it has arrived;
   * `script`: of the process that the file is about, where that is another one
   */
  add(kind, file, { redacted, own = false, script }) {
    // What is not redacted stays here. Of an image the redacted snapshot is sent.
    if (!redacted && !this.#options.sendRaw && !isImage(file)) return;
    const name = path.basename(file);
    try {
      const job = { kind, file: name, object: objectName(name, { script }), raw: !redacted, own };
      const dropped = this.#queue.add(
        job,
        this.#destinations.map(({ id }) => id),
      );
      this.#counts.queued += this.#destinations.length;
      this.#counts.dropped += dropped;
    } catch (error) {
      this.#warn('PLIMSOLL_SEND', `${name} cannot be queued for sending (${error.code ?? error.message}).`);
      return;
    }
    this.#isWanted = true;
    this.#startAt = Math.min(this.#startAt, monotonicNow() + PAUSE_MS);
    if (kind === 'report') this.#startAt = 0;
    this.tick();
  }

  /** Starts a process if there is work for one. */
  tick() {
    if (this.#stopped || this.#child !== null || !this.#isWanted || monotonicNow() < this.#startAt) return;
    this.#isWanted = false;
    if (this.#pending().length > 0) this.#start();
  }

  #pending() {
    const ids = new Set(this.#destinations.map(({ id }) => id));
    return this.#queue.list().filter(({ id }) => ids.has(id));
  }

  #start() {
    const argv = [`--max-old-space-size=${HEAP_MB}`, path.join(__dirname, 'process.js')];
    let child;
    try {
      // A session of its own: a signal to the service's process group does not end it.
      child = spawn(process.execPath, argv, {
        detached: true,
        stdio: ['pipe', 'pipe', 'ignore'],
        env: environment(this.#destinations),
        windowsHide: true,
      });
    } catch (error) {
      this.#ended(error.code);
      return;
    }
    // If memory runs out, it is killed instead of the service. The next one resumes.
    makeExpendable(child.pid);
    this.#child = child;
    let over = false;
    const end = (code) => {
      if (over) return;
      over = true;
      this.#child = null;
      this.#ended(code);
    };
    child.on('error', (error) => end(error.code));
    child.on('exit', () => end(undefined));
    // Without a descriptor for them there are no streams, and the error comes in the next turn.
    if (child.stdin === undefined) return;
    child.stdin.on('error', () => {});
    child.stdout.on('error', () => {});
    const { sendRaw: raw, sendDelete: remove, sendMaxBytes: maxBytes, sendRate: rate } = this.#options;
    child.stdin.end(JSON.stringify({ dir: this.#dir, destinations: this.#destinations, raw, remove, maxBytes, rate }));
    this.#listen(child.stdout);
    for (const each of [child, child.stdin, child.stdout]) each.unref?.();
  }

  #listen(stdout) {
    let rest = '';
    stdout.setEncoding('utf8').on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop().slice(0, MOST_EVENT_BYTES);
      for (const line of lines) this.#onEvent(line);
    });
  }

  #onEvent(line) {
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      return;
    }
    if (event.event === 'arrived') {
      this.#counts.arrived++;
      this.#counts.bytes += event.bytes;
    } else if (event.event === 'failed') {
      this.#counts.failed++;
      const destination = this.#destinations.find(({ id }) => id === event.id);
      const name = destination === undefined ? 'a destination' : nameOf(destination);
      this.#warn(
        'PLIMSOLL_SEND',
        `${event.file} has not arrived at ${name} (${event.code}); it stays in ${this.#dir}.`,
      );
    }
  }

  /** @param {string | undefined} code why there was no process */
  #ended(code) {
    if (code !== undefined) this.#warn('PLIMSOLL_SEND', `the process that sends cannot be started (${code}).`);
    const hasNew = this.#isWanted;
    this.#isWanted = true;
    this.#startAt = monotonicNow() + (hasNew ? PAUSE_MS : LONG_PAUSE_MS);
  }

  /** Waits until no report is left to send, at most for so long. @returns {Promise<boolean>} whether none is left */
  async settled(ms) {
    const ends = monotonicNow() + ms;
    const isPending = () => this.#pending().some(({ rank }) => rank === RANKS.report);
    while (isPending() && monotonicNow() < ends) await sleep(EXIT_POLL_MS);
    return !isPending();
  }

  /** At exit: waits for the reports, at most for the grace. */
  #linger() {
    if (this.#child === null) return;
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const ends = monotonicNow() + this.#options.sendGrace;
    const isPending = () => this.#pending().some(({ rank }) => rank === RANKS.report);
    while (monotonicNow() < ends && isPending()) Atomics.wait(cell, 0, 0, EXIT_POLL_MS);
  }

  /** A process that sends goes on by itself. */
  stop() {
    this.#stopped = true;
    process.removeListener('exit', this.#onExit);
  }
}

module.exports = { Sender, environment };
