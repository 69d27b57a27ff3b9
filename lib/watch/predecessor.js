'use strict';
// The post-mortem of the process that ran before this one in the same directory. Nothing of it is part of the start:
// a second later the directory is read, and a process of its own does the rest.

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { requireNative } = require('../native.js');
const { mainScript } = require('../script.js');
const { setTimeout, clearTimeout } = require('../timers.js');

/** After the start, and from then on for processes that ended without a successor, ms. */
const FIRST = 1000;
const LATER = 5 * 60_000;
const STATE = /^\.plimsoll-state-/;

/** The process that is asked. */
const CHILD = path.join(__dirname, '../postmortem/process.js');

class Predecessor {
  #context;
  #me;
  #timer;
  #child;
  /** Files of another user are one warning. */
  #isForeignReported = false;

  /**
   * @param {import('./snapshot-queue.js').Context} context
   * @param {{ script: string | null, role: string }} me  what a predecessor has in common with this process
   */
  constructor(context, me) {
    this.#context = context;
    this.#me = me;
    this.#plan(FIRST);
  }

  #plan(ms) {
    this.#timer = setTimeout(() => void this.#look().catch((error) => this.#context.fail(error)), ms);
    this.#timer.unref();
  }

  async #look() {
    const { dir, isStopped } = this.#context;
    const names = await fs.promises.readdir(dir).catch(() => []);
    if (isStopped()) return;
    this.#plan(LATER);
    if (this.#child === undefined && names.some((name) => STATE.test(name) && this.#isEnded(path.join(dir, name))))
      this.#examine();
  }

  #isEnded(file) {
    try {
      const claim = requireNative().ClaimedState.take(file);
      const isLeft = claim !== null && !claim.stage().done;
      claim?.release();
      return isLeft;
    } catch (error) {
      this.#foreign(file, error);
      return false;
    }
  }

  #foreign(file, error) {
    if (this.#isForeignReported) return;
    this.#isForeignReported = true;
    const uid = fs.statSync(file, { throwIfNoEntry: false })?.uid;
    const isForeign = uid !== undefined && process.geteuid !== undefined && uid !== process.geteuid();
    const advice = isForeign
      ? `; it belongs to the user ${uid}, and this process runs as ${process.geteuid()}: run both as one user (securityContext.runAsUser), or give each a dir of its own`
      : '';
    this.#context.warn(
      'PLIMSOLL_FOREIGN_STATE',
      `what an earlier process left cannot be read: ${error.message}${advice}.`,
    );
  }

  #examine() {
    const { dir, options, sender } = this.#context;
    const { spawn } = require('node:child_process');
    const { cleanEnv } = require('../clean-env.js');
    const { makeExpendable } = require('../expendable.js');
    const child = spawn(process.execPath, [CHILD], {
      env: cleanEnv(),
      stdio: ['pipe', 'pipe', 'ignore'],
      windowsHide: true,
    });
    makeExpendable(child.pid);
    this.#child = child;
    child.on('error', (error) => {
      this.#child = undefined;
      this.#context.fail(error);
    });
    child.on('close', () => (this.#child = undefined));
    // Without a descriptor for them there are no streams, and the error comes in the next turn.
    if (child.stdin === undefined) return;
    for (const handle of [child, child.stdin, child.stdout]) handle.unref();
    child.stdin.on('error', () => {}); // it has ended before it read
    const script = mainScript();
    const sourceRoots = script === undefined ? [] : [path.dirname(script)];
    const formats = sender?.formats ?? options.report;
    const { maxFiles, redact } = options;
    const request = { dir, formats, maxFiles, redact, me: this.#me, sourceRoots };
    // It stays open. Its end shows the child that this process has exited.
    child.stdin.write(`${JSON.stringify(request)}\n`);
    readline.createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line));
  }

  #hear(text) {
    const { isStopped, emit, log, warn, sender } = this.#context;
    if (isStopped()) return;
    const { kind, report, files, isRedacted, message } = JSON.parse(text);
    if (kind === 'failed') {
      warn('PLIMSOLL_POST_MORTEM', `the post-mortem failed: ${message}`);
      return;
    }
    sender?.addReport(files, { redacted: isRedacted });
    const isFirst = kind === 'previous';
    if (isFirst && log.enabled) log.warn(`plimsoll: ${require('../postmortem/words.js').line(report)}.`);
    emit(isFirst ? 'previous' : 'report', report, files);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }
}

module.exports = { Predecessor };
