'use strict';
// What must hold for `plimsoll run` after each of its steps, and when it has ended.

const assert = require('node:assert/strict');
const { constants } = require('node:os');
const path = require('node:path');
const { violations } = require('../../__test__/support/reports.js');
const { SNAPSHOT } = require('../system/service.js');

const GRACE_MS = 10_000;
/** Of a run's polls. */
const POLL_MS = 500;
/** After the program: what it left running has 20 s, the rest is calls. */
const AFTER_MS = 25_000;
/** A snapshot is waited for at the end of the duration: of a leak that has too few for longer. */
const PATIENCE_MS = 20_000;
const NEEDED_MS = 60_000;
const SLACK_MS = 2000;
/** A stop of this length may be taken for a busy machine. */
const SHORT_STOP_MS = 5000;
/** Of those that ended before, as sim/package-copy.js sets it. */
const MOST_ENDED = 3;
const OF_ANOTHER = 'of another process';
const ENDING = new Set(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT']);

class Checks {
  #machine;
  #services;
  #plan;
  main = null;
  runDir = null;
  /** Paths of the snapshots of each analysis that ended well. @type {string[][]} */
  analyzed = [];
  /** The isolate that was read last, by file. */
  #readers = new Map();
  /** What happened, by name. @type {Set<string>} */
  #events = new Set();
  /** Paths of the snapshots that a report has had. @type {Set<string>} */
  #reported = new Set();
  /** Images that were removed, with their owners. */
  #removed = [];
  #sent = 0;
  /** The running time in which the program ended. */
  #endedAt = null;
  #startedAt = null;
  #hurriedAt = null;
  /** From here on, what is found may be in no report. */
  #judgedUntil = Infinity;
  /** When the first signal came that ends the program. */
  #firstEnding = null;
  /** When the first one came that is no SIGHUP. */
  #judgedAt = null;
  #byUs = false;
  #isReused = false;
  /** Time in which the run was stopped, and which it may take for time in which it ran. */
  #unseenMs = 0;

  constructor(machine, services, plan) {
    this.#machine = machine;
    this.#services = services;
    this.#plan = plan;
  }

  /** A process that does not publish the same states has got the pid of one that did: figures seem to stand still. */
  reused() {
    this.#isReused = true;
  }

  happened(what) {
    this.#events.add(what);
    if (what === 'stop' || what === 'freeze') this.#unseenMs += SHORT_STOP_MS;
  }

  hurries() {
    this.#hurriedAt ??= this.#machine.world.running;
  }

  /** A signal comes for the run: `isShared`, for its program too. */
  signals(name, isShared) {
    const { world, processes } = this.#machine;
    world.own(0, () => {
      if (this.#machine.signals.listenerCount(name) === 0) {
        this.#machine.endedBy ??= name;
        return;
      }
      const isRunning = this.main?.isAlive === true && this.main.uid === 1000;
      if (this.main?.isAlive === true && ENDING.has(name)) {
        this.#firstEnding ??= { at: world.now };
        if (name !== 'SIGHUP') this.#judgedAt ??= world.now;
      }
      const before = processes.sent.length;
      this.#machine.signals.emit(name, name);
      const passed = processes.sent.slice(before).filter((each) => each.target === this.main && each.name === name);
      if (isRunning) assert.equal(passed.length, isShared ? 0 : 1, `${name} is passed on ${passed.length} times`);
      this.#sent = processes.sent.length;
      this.#look();
    });
  }

  /** The state of an isolate that the run reads. Another one may have had the file, and was older when it was read. */
  reads(file, { isolate, watchedMs, state }) {
    assert.equal(path.dirname(file), this.runDir, 'a state of another run is read');
    const former = this.#readers.get(file);
    if (former !== undefined && former !== isolate && !former.isRetired) {
      if (former.readMs <= watchedMs) former.isHidden = true;
      else former.isReplaced = true;
    }
    isolate.readMs = watchedMs;
    isolate.readStates.add(state);
    this.#readers.set(file, isolate);
  }

  /** A file that the run is about to remove, alone or with its directory. */
  removes(file, node, isAlone) {
    const name = path.basename(file);
    const dir = path.dirname(file);
    if (name.endsWith('.heapsnapshot')) assert.fail(`the snapshot ${name} is removed`);
    if (name.endsWith('.heapimage')) this.#removed.push({ file, isReported: this.#reported.has(file), ...node });
    if (dir !== this.runDir || !name.endsWith('.state') || !isAlone) return;
    const { isolate } = node;
    const process = this.#machine.processes.table.get(isolate.pid);
    assert.ok(isolate.isOver || process?.isAlive !== true, `the state of a process that lives is removed: ${name}`);
    isolate.isRetired = true;
    assert.ok(node.isRead, `a state is removed before it was read: ${name}`);
  }

  /** Whether the program has. */
  get #hasEnded() {
    return this.main !== null && this.main.endedAt !== null;
  }

  /** After each step of the run. */
  step() {
    this.#look();
    const { world, processes } = this.#machine;
    assert.deepEqual(world.uncaught, [], `uncaught: ${world.uncaught[0]?.stack}`);
    for (const each of processes.sent.slice(this.#sent)) this.#signalled(each);
    this.#sent = processes.sent.length;
    this.#checkReports(this.#machine.files.nodes);
    this.#checkStates();
    this.#checkTime();
  }

  #look() {
    const { world } = this.#machine;
    if (this.main !== null) this.#startedAt ??= world.running;
    if (this.#judgedUntil === Infinity && this.#isJudged()) this.#judgedUntil = world.now - 2 * POLL_MS;
    if (this.#hasEnded) this.#endedAt ??= world.running;
  }

  /** Whether the run may be over for the verdict: the program has ended, a signal asks for it, or the time is up. */
  #isJudged() {
    const { running } = this.#machine.world;
    const { duration } = this.#plan;
    const isLate = duration > 0 && running - this.#startedAt >= duration - this.#unseenMs;
    return this.main !== null && (isLate || this.#firstEnding !== null || this.#hasEnded);
  }

  /** A signal that the run sent by itself. */
  #signalled({ target, name, running }) {
    assert.ok(!target.isForeign, `${name} to a process that is none of the run`);
    assert.notEqual(target.name, SNAPSHOT, `${name} to a child that writes a snapshot`);
    if (target === this.main) {
      this.#byUs = true;
      assert.ok(this.#plan.duration > 0, `${name} to the program`);
      const since = running - this.#startedAt;
      assert.ok(since >= this.#plan.duration - SLACK_MS - this.#unseenMs, `${name} to the program after ${since} ms`);
    }
    target.asked ??= running;
    if (name !== 'SIGKILL' || target.isAnalyzer) return;
    // What is started after the program's end gets SIGKILL at once, if the grace is over.
    const isLate = this.#endedAt !== null && target.startedAt >= this.main.endedAt;
    const grace = running - (isLate ? this.#endedAt : target.asked);
    assert.ok(grace >= GRACE_MS - 100 - this.#unseenMs, `SIGKILL to ${target.name} after ${grace} ms of grace`);
  }

  /** The report is whole at any moment. */
  #checkReports(nodes) {
    for (const [file, node] of nodes) {
      if (!/^\/out\/report[^/]*\.json$/.test(file) || node.isChecked === node.version) continue;
      if (node.data === OF_ANOTHER) continue;
      let report;
      try {
        report = JSON.parse(node.data);
      } catch {
        assert.fail(`the report ${file} is not whole: ${node.data.slice(-40)}`);
      }
      assert.deepEqual(violations(report), [], file);
      node.isChecked = node.version;
      node.report = report;
      for (const each of report.snapshots) this.#reported.add(each.path);
    }
  }

  /** States of isolates that have ended do not pile up. */
  #checkStates() {
    const { files, world } = this.#machine;
    if (this.runDir === null || files.faults.count > 0 || this.#hasEnded) return;
    for (const name of files.names(this.runDir)) {
      const { isolate } = files.nodes.get(path.join(this.runDir, name));
      if (isolate === undefined || isolate.pid === this.main.pid) continue;
      const process = this.#machine.processes.table.get(isolate.pid);
      if (process?.isAlive === true && !isolate.isOver) {
        // Another process has its pid.
        isolate.goneAt = undefined;
        continue;
      }
      isolate.goneAt ??= world.running;
      assert.ok(world.running - isolate.goneAt <= 2 * POLL_MS, `the state ${name} of an isolate that has ended stays`);
    }
  }

  #checkTime() {
    const { running } = this.#machine.world;
    const { duration } = this.#plan;
    if (this.#endedAt === null) {
      if (this.main === null || duration === 0 || this.main.uid !== 1000) return;
      const isLeak = this.#services.isolates.some(({ published }) => published.some(({ state }) => state === 'leak'));
      const most = duration + (isLeak ? NEEDED_MS : PATIENCE_MS) + GRACE_MS + SLACK_MS;
      assert.ok(running - this.#startedAt <= most, `the program runs after ${running - this.#startedAt} ms`);
    } else if (this.#hurriedAt !== null) {
      const since = running - this.#hurriedAt;
      assert.ok(since <= AFTER_MS, `the run has not ended ${since} ms after a signal that came after its program`);
    }
  }

  /** @param {{ code?: number, error?: any } | null} outcome @param {string} text  what it printed */
  end(outcome, text) {
    const { processes, signals, files, locks, world } = this.#machine;
    assert.deepEqual(world.uncaught, [], `uncaught: ${world.uncaught[0]?.stack}`);
    if (outcome === null) {
      assert.equal(this.main, null, `${this.#machine.endedBy} ends the run while its program or its reports are there`);
      return;
    }
    // Where /proc cannot be read, what runs is not known. A child that writes a snapshot ends with its service, which
    // may be another user's.
    const left = files.faults.lasted('proc')
      ? []
      : processes.all.filter((each) => each.isAlive && !each.isForeign && each.uid === 1000 && each.name !== SNAPSHOT);
    assert.deepEqual(
      left.map(({ pid, name, argv }) => `${pid} ${name} ${argv}`),
      [],
      'what is left running',
    );
    assert.equal(world.timers, 0, 'timers are left');
    assert.deepEqual(
      signals.eventNames().filter((name) => signals.listenerCount(name) > 0),
      [],
      'listeners are left',
    );
    assert.equal(locks.size, 0, 'a lock is left');
    if (files.faults.count === 0) {
      assert.deepEqual(files.names('/tmp'), [], 'files are left in /tmp');
      assert.deepEqual(
        files.names('/out').filter((name) => !/^report.*\.json$/.test(name) && !files.nodes.get(`/out/${name}`).isOld),
        [],
        'files are left',
      );
    }
    if (this.main === null) {
      assert.ok(outcome.error !== undefined, 'a run without a program ends well');
      assert.match(String(outcome.error.code), /^ERR_PLIMSOLL_/, outcome.error.stack);
      return;
    }
    assert.equal(outcome.error, undefined, `the run fails: ${outcome.error?.stack}`);
    this.#checkCode(outcome.code, text);
    this.#checkReports(files.nodes);
    this.#checkWritten(text);
    this.#checkVerdicts();
    this.#checkImages(text);
    if (files.faults.count > 0) return;
    const kept = files.afterLoss(() => 0);
    for (const [file, { data }] of this.#reports()) assert.equal(kept.get(file)?.data, data, `${file} is not synced`);
  }

  /** What a loss of power has left. @param {Map<string, any>} left */
  lost(left) {
    this.#checkReports(left);
    if (!this.#plan.json || this.#machine.files.faults.count > 0 || this.#events.has('lose')) return;
    for (const { file, owner, diagnoses } of this.#removed)
      if (diagnoses && !left.has(file) && this.#isOfReport(owner, file))
        assert.ok(isWritten(left, file), `${file} is lost, and the report that rests on it`);
  }

  #checkCode(code, text) {
    const { main } = this;
    const well = this.#byUs || main.code === 0;
    if (!well) {
      assert.equal(code, main.code ?? 128 + constants.signals[main.signal], "the exit code is the program's");
      return;
    }
    assert.ok([0, 1, 3].includes(code), `exit code ${code}`);
    const { faults } = this.#machine.files;
    if (faults.count > 0 || this.#events.has('lose')) return;
    if (this.#services.isolates.length === 0) {
      assert.equal(code, 1, 'no process was watched');
      return;
    }
    if (this.#isReused && code === 1) return;
    assert.notEqual(code, 1, text);
    this.#checkVerdict(code, text);
  }

  /** What was published last before the run was over, or a signal asked for its end. */
  #checkVerdict(code, text) {
    const { duration } = this.#plan;
    const isOver = duration > 0 && this.#endedAt - this.#startedAt >= duration - this.#unseenMs - SLACK_MS;
    const isByDuration = this.#byUs || isOver;
    if (isByDuration || this.#events.has('stop')) return;
    // A SIGHUP may be what ends the program.
    const from = this.#firstEnding?.at ?? this.main.endedAt;
    const until = this.#judgedAt ?? this.main.endedAt;
    // What is published in between, or in that millisecond, may count.
    const mayCount = ({ published }) =>
      published.slice(published.findLastIndex(({ at }) => at < from)).filter(({ at }) => at <= until);
    const leaks = this.#services.isolates.filter(
      (each) => each.published[0].at < from && mayCount(each).every(({ state }) => state === 'leak'),
    );
    if (leaks.length > 0) assert.equal(code, 3, `a leak of pid ${leaks[0].pid} is lost: ${text}`);
    const everLeaks = this.#services.isolates.some(({ published }) => published.some(({ state }) => state === 'leak'));
    if (!everLeaks) assert.equal(code, 0, 'there is no leak');
  }

  #reports() {
    return reportsIn(this.#machine.files.nodes);
  }

  /** A verdict rests on a state that was read, and the snapshots of a report are those of its process. */
  #checkVerdicts() {
    const mayBeLost = this.#machine.files.faults.count > 0 || this.#isReused || this.#events.has('lose');
    for (const [file, { report }] of this.#reports()) {
      const isolate = this.#services.isolates.find(({ title }) => title === report.process.title);
      assert.ok(isolate !== undefined, `${file} is of no process`);
      const { state } = report.verdict;
      const isRead = isolate.readStates.has(state) || (mayBeLost && state === 'too-early');
      assert.ok(isRead, `${file} says ${state}, and what was read is ${[...isolate.readStates]}`);
      for (const each of report.snapshots)
        assert.ok(isolate.took(each.path), `${file} has ${each.path} of another one`);
    }
  }

  /** Each isolate has one report. */
  #checkWritten(text) {
    if (!this.#plan.json || this.#events.has('lose')) return;
    const reports = this.#reports();
    const hasFailed = /cannot be written/.test(text);
    if (this.#machine.files.faults.count > 0) {
      const isShown = /^ {2}exit {6}/m.test(text);
      if (isShown && !hasFailed)
        assert.ok(reports.length > 0, 'a report is shown, and no message says that it is not written');
      return;
    }
    assert.ok(!hasFailed, text);
    const { isolates } = this.#services;
    const known = isolates.filter((each) => each.readMs !== null && !each.isHidden);
    assert.ok(reports.length <= isolates.length, `${reports.length} reports of ${isolates.length} isolates`);
    const ended = known.filter((each) => each.isRetired || each.isReplaced).length;
    const due = known.length - ended + Math.min(ended, MOST_ENDED);
    assert.equal(reports.length, due, `${reports.length} reports of ${known.length} isolates, of which ${ended} ended`);
    const keys = new Set(reports.map(([, { report }]) => report.process.title));
    assert.equal(keys.size, reports.length, 'an isolate has two reports');
  }

  /** An image of a diagnosis is removed once a written report rests on it. */
  #checkImages(text) {
    const { faults, nodes } = this.#machine.files;
    if (!/heap images stay/.test(text) && !faults.codes.has('ENOENT'))
      for (const [, file] of text.matchAll(/^ {2}snapshot {2}(\S+) \(.*, removed\)$/gm))
        assert.ok(!nodes.has(file), `${file} is there, and a report says that it is removed`);
    for (const { file, owner, diagnoses, isReported } of this.#removed) {
      if (!diagnoses || !this.#isOfReport(owner, file)) continue;
      assert.ok(
        this.analyzed.some((paths) => paths.includes(file)),
        `${file} is removed without an analysis`,
      );
      assert.ok(isReported || !this.#plan.json, `${file} is removed before a report has it: ${text.slice(-300)}`);
    }
  }

  /** One of later than the judgement is in no report. */
  #isOfReport(owner, file) {
    return owner.readMs !== null && !owner.isHidden && owner.listedAt(file) < this.#judgedUntil;
  }
}

/** Reports of this run. @param {Map<string, any>} nodes */
const reportsIn = (nodes) => [...nodes].filter(([, { report, isOld }]) => report !== undefined && !isOld);

/** Whether a report has a snapshot. */
const isWritten = (nodes, file) =>
  reportsIn(nodes).some(([, { report }]) => report.snapshots.some((each) => each.path === file));

module.exports = { Checks, OF_ANOTHER };
