'use strict';
// `plimsoll run` on a simulated machine: a program with its workers and snapshots, whose calls fail, which is stopped,
// gets signals at any moment and ends in any way. The machine may lose its power; the next run then
// finds what the disk has. What must hold meanwhile and at the end is in supervisor-checks.js.

const fc = require('fast-check');
const { Writable } = require('node:stream');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { system, work } = require('../seams.js');
const { KINDS } = require('../system/files.js');
const { OWN } = require('../system/processes.js');
const { EPOCH_MS } = require('../system/world.js');
const { Services, SNAPSHOT } = require('../system/service.js');
const { Checks, OF_ANOTHER } = require('./supervisor-checks.js');

/** A program that has no end of its own is killed after this long. */
const LONGEST_MS = 150_000;
/** A run that is not over so long after its program gets signals that end it. */
const IMPATIENT_MS = 180_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'];
const CODES = ['EACCES', 'EIO', 'EMFILE', 'ENOENT', 'ENOSPC', 'EBUSY'];
const SPAWN_CODES = ['EMFILE', 'EAGAIN', 'ENOMEM', 'E2BIG', 'EACCES', 'ENOENT'];
/** A pid is used again after this long at most. */
const SOON_MS = 400;
/** More of this in one step is no end. */
const MOST_WORK = 200_000;

const ms = (max) => fc.integer({ min: 0, max });
const sometimes = (arbitrary, weight = 3) =>
  fc.oneof({ weight, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });

const verdict = fc.record({
  at: ms(30_000),
  state: fc.constantFrom('leak', 'leak', 'leak', 'suspect', 'steady', 'warming', 'follows-load'),
});
const snapshot = fc.record({
  at: ms(30_000),
  takes: ms(9000),
  image: fc.boolean(),
  reason: fc.constantFrom('leak', 'leak', 'suspect', 'near-limit', 'manual'),
  hangs: fc.integer({ min: 0, max: 7 }).map((n) => n === 7),
});
/** Three or four snapshots of a kind, one after the other: a diagnosis. */
const diagnosis = fc
  .record({
    count: fc.constantFrom(3, 4),
    at: ms(15_000),
    every: fc.integer({ min: 500, max: 6000 }),
    takes: ms(400),
    image: fc.boolean(),
  })
  .map(({ count, at, every, takes, image }) =>
    Array.from({ length: count }, (_, n) => n).map((n) => ({
      at: at + n * every,
      takes,
      image,
      reason: 'leak',
      hangs: false,
    })),
  );
const end = fc.record({
  at: ms(60_000),
  how: fc.constantFrom(0, 0, 1, 7, 'SIGKILL', 'SIGABRT', 'SIGSEGV'),
  nearLimit: sometimes(fc.record({ takes: ms(3000), image: fc.boolean() })),
});
const handler = fc.record({
  how: fc.constantFrom('default', 'ignore', 'ignore', 'frees', 'frees', 'ends'),
  ms: ms(14_000),
  code: fc.constantFrom(0, 0, 5),
});
const service = fc.record({
  kind: fc.constantFrom('node', 'node', 'node', 'node', 'shell', 'npm', 'unwatched'),
  startMs: ms(4000),
  verdicts: fc.array(verdict, { maxLength: 4 }),
  snapshots: fc.oneof(
    { weight: 2, arbitrary: fc.array(snapshot, { maxLength: 3 }) },
    { weight: 1, arbitrary: diagnosis },
  ),
  threads: fc.array(fc.record({ at: ms(20_000), lasts: ms(5000) }), { maxLength: 2 }),
  stops: fc.array(fc.record({ at: ms(40_000), ms: ms(40_000) }), { maxLength: 1 }),
  end: sometimes(end, 1),
  hup: handler,
  int: handler,
  term: handler,
  root: fc.integer({ min: 0, max: 19 }).map((n) => n === 19),
});
/** What happens, and when: after the start, or after the program's end, when the reports are made. */
const when = fc.oneof(
  { weight: 2, arbitrary: fc.record({ at: ms(70_000), from: fc.constant('start') }) },
  { weight: 1, arbitrary: fc.record({ at: ms(40), from: fc.constant('end') }) },
  { weight: 1, arbitrary: fc.constant({ at: 0, from: 'begin' }) },
  { weight: 1, arbitrary: fc.record({ at: ms(25_000), from: fc.constant('end') }) },
);
const happens = (what, fields = {}) =>
  fc.tuple(when, fc.record({ what: fc.constant(what), ...fields })).map(([time, rest]) => ({ ...time, ...rest }));
const fault = { passes: fc.nat({ max: 12 }), lasts: fc.boolean() };
const ending = fc.constantFrom('SIGHUP', 'SIGINT', 'SIGTERM');
/** Of what was not synced. */
const share = fc.constantFrom(0, 0.5, 1, 1);
const happening = fc.oneof(
  { weight: 4, arbitrary: happens('signal', { name: fc.constantFrom(...SIGNALS) }) },
  {
    weight: 3,
    arbitrary: happens('signals', {
      names: fc.oneof(fc.constant(['SIGHUP', 'SIGTERM']), fc.tuple(ending, ending)),
      gap: ms(12_000),
    }),
  },
  {
    weight: 4,
    arbitrary: happens('fault', {
      kind: fc.constantFrom('any', 'write', ...KINDS.filter((kind) => kind !== 'spawn')),
      code: fc.constantFrom(...CODES),
      ...fault,
    }),
  },
  {
    weight: 1,
    arbitrary: happens('fault', {
      kind: fc.constant('spawn'),
      code: fc.constantFrom(...SPAWN_CODES),
      ...fault,
      passes: fc.nat({ max: 1 }),
    }),
  },
  { weight: 1, arbitrary: happens('heal') },
  { weight: 2, arbitrary: happens('clock', { by: fc.integer({ min: -7_200_000, max: 7_200_000 }) }) },
  { weight: 2, arbitrary: happens('stop', { ms: ms(90_000) }) },
  { weight: 1, arbitrary: happens('freeze', { ms: ms(90_000) }) },
  { weight: 1, arbitrary: happens('lose', { which: fc.constantFrom('run', 'out', 'srv') }) },
  { weight: 1, arbitrary: happens('rival') },
  {
    weight: 2,
    arbitrary: happens('power', { passes: ms(12), kept: fc.record({ '/out': share, data: share, others: share }) }),
  },
  { weight: 1, arbitrary: happens('foreign', { reuses: fc.boolean() }) },
);
const worker = fc.record({
  at: ms(40_000),
  plan: service,
  parent: fc.constantFrom('main', 'main', 'none'),
  reuses: fc.boolean(),
});
/** How an analysis ends, and after how long. */
const analysis = fc.record({
  how: fc.constantFrom('well', 'well', 'well', 'error', 'damaged', 'killed', 'never'),
  ms: ms(20_000),
});
const program = fc.record({
  json: fc.boolean(),
  duration: fc.oneof(fc.constant(0), fc.integer({ min: 1000, max: 60_000 })),
  isTerminal: fc.boolean(),
  main: service,
  workers: fc.array(worker, { maxLength: 3 }),
  analyses: fc.array(analysis, { maxLength: 3 }),
  events: fc.array(happening, { maxLength: 4 }),
});

function planOf({ end: given, hup, int, term, ...rest }) {
  return {
    ...rest,
    end: given && {
      at: given.at,
      code: typeof given.how === 'number' ? given.how : null,
      signal: typeof given.how === 'string' ? given.how : null,
      nearLimit: given.nearLimit,
    },
    handlers: { SIGHUP: hup, SIGINT: int, SIGTERM: term },
  };
}

/** What the analyzer says of some snapshots. */
function answerOf(paths) {
  const snapshots = paths.map((each, at) => ({
    path: each,
    bytes: 9e6,
    heapBytes: 4e6 + at * 1e6,
    nodes: 1,
    edges: 1,
    redacted: false,
  }));
  const packages = [{ name: '(app)', count: 9, shallow: 100, retained: 100, modules: [] }];
  const summary = { bytes: 6e6, constructors: [], holders: [], packages, shapes: [] };
  const rest = { intervals: [], notes: [], order: 'names', snapshots, summary, unconfirmed: [] };
  return { ...rest, unexplained: { bytes: 224, codeBytes: 112 }, suspects: [] };
}

/** What runs after a loss of power. */
const NEXT = {
  json: true,
  duration: 0,
  isTerminal: false,
  main: {
    kind: 'node',
    startMs: 100,
    verdicts: [],
    snapshots: [],
    threads: [],
    stops: [],
    end: { at: 3000, how: 0, nearLimit: null },
    hup: { how: 'default', ms: 0, code: 0 },
    int: { how: 'default', ms: 0, code: 0 },
    term: { how: 'default', ms: 0, code: 0 },
    root: false,
  },
  workers: [],
  analyses: [],
  events: [],
};

class Run {
  #plan;
  #machine = system.boot();
  #services = new Services(this.#machine);
  #checks;
  #analyses = 0;
  #main = null;
  #text = '';

  /** @param {object} plan @param {Map<string, any>} [files]  that a loss of power has left */
  constructor(plan, files = new Map()) {
    this.#plan = plan;
    this.#machine.files.restore(files);
    // Its files are older.
    this.#machine.world.setClock(Math.max(0, ...[...files.values()].map((each) => each.mtimeMs - EPOCH_MS)) + 60_000);
    this.#checks = new Checks(this.#machine, this.#services, plan);
    this.#machine.isForeground = plan.isTerminal;
    this.#machine.onSpawn = (child, file, args, options) => this.#spawned(child, args, options);
    this.#machine.readState = (file) => this.#readState(file);
    this.#machine.files.onRemove = (...removed) => this.#checks.removes(...removed);
  }

  #readState(file) {
    const { files } = this.#machine;
    const code = files.faults.next('state');
    const node = files.nodes.get(file);
    if (code !== null || node === undefined) throw new Error('cannot read the state file');
    node.isRead = true;
    if (node.isolate !== undefined) this.#checks.reads(file, node);
    return node.data;
  }

  #spawned(child, args, { env }) {
    if (this.#main === null) this.#startMain(child, env);
    else this.#startAnalyzer(child);
  }

  #startMain(child, env) {
    const { main, workers } = this.#plan;
    this.#services.runDir = env.PLIMSOLL_RUN_DIR;
    this.#checks.runDir = env.PLIMSOLL_RUN_DIR;
    const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    const process = this.#services.start(planOf(main), { ppid: OWN.pid, env: environment });
    this.#main = process;
    this.#checks.main = process;
    const { onEnd } = process;
    child.started(process, { pipes: false });
    const shown = process.onEnd;
    process.onEnd = (ended) => {
      onEnd(ended);
      shown(ended);
      this.#schedule('end');
      this.#machine.world.after(IMPATIENT_MS, () => this.#hurry());
    };
    let last;
    for (const { at, plan, parent, reuses } of workers) {
      const ppid = parent === 'main' ? process.pid : 1;
      const start = (former) => {
        last = this.#services.start(planOf(plan), { ppid, pid: former?.pid, env: environment });
        // A thread of the former process may have a file that the new one does not take.
        const takesFiles = plan.kind === 'node' && !(former?.service.isolates.length > 1);
        if (last.pid === former?.pid && !takesFiles) this.#checks.reused();
      };
      process.after(at, () => {
        const former = last;
        if (!reuses || former === undefined) start();
        else if (!former.isAlive) start(former);
        else former.service.onEnd.push(() => process.after(at % SOON_MS, () => start(former)));
      });
    }
    process.after(LONGEST_MS, () => process.end({ signal: 'SIGKILL' }));
  }

  #startAnalyzer(child) {
    const { processes, world } = this.#machine;
    const { analyses } = this.#plan;
    const { how, ms: takes } = analyses[this.#analyses++ % analyses.length] ?? { how: 'well', ms: 50 };
    const process = processes.start({ ppid: OWN.pid, argv: ['node', 'analyzer.js'], exe: '/usr/bin/node' });
    process.isAnalyzer = true;
    child.started(process, { pipes: true });
    child.once('request', (text) => {
      const { paths } = JSON.parse(text);
      if (how === 'never') return;
      process.after(takes, () => {
        if (how === 'killed') process.end({ signal: 'SIGKILL' });
        else {
          const error = { error: { code: 'ERR_PLIMSOLL_SNAPSHOT_FORMAT', message: 'it is damaged.' } };
          const answer = JSON.stringify(how === 'error' ? error : answerOf(paths));
          const said = how === 'damaged' ? answer.slice(0, -9) : answer;
          world.own(0, () => child.stdout.emit('data', Buffer.from(said)));
          if (how === 'well') this.#checks.analyzed.push(paths);
          process.end({ code: 0 });
        }
      });
    });
  }

  /** Events that are so long after the start, or the end of the program. */
  #schedule(point) {
    for (const { at, from, ...each } of this.#plan.events)
      if (from === point) this.#machine.world.after(at, () => this.#happens(each));
  }

  /** The user is tired of waiting. */
  #hurry() {
    this.#checks.hurries();
    this.#signal('SIGTERM');
    this.#machine.world.after(IMPATIENT_MS, () => this.#hurry());
  }

  #happens({ what, ...event }) {
    const { world, files } = this.#machine;
    this.#checks.happened(what);
    if (what === 'signal') this.#signal(event.name);
    if (what === 'signals') {
      this.#signal(event.names[0]);
      world.after(event.gap, () => this.#signal(event.names[1]));
    }
    if (what === 'fault') files.faults.add(event);
    if (what === 'heal') files.faults.clear();
    if (what === 'clock') world.setClock(event.by);
    if (what === 'freeze') world.freeze(event.ms);
    if (what === 'rival') files.put('/out/report.json', OF_ANOTHER);
    if (what === 'power') files.losePower(event);
    if (what === 'lose') files.lose({ run: this.#services.runDir, out: '/out', srv: '/srv' }[event.which] || '/none');
    if (what === 'stop') {
      world.stop();
      world.after(event.ms, () => world.continue());
    }
    if (what === 'foreign') this.#startForeign(event.reuses);
  }

  /** A process that is none of the run, maybe with the pid of one that was; and its child. */
  #startForeign(reuses) {
    const { processes } = this.#machine;
    const former = processes.all.findLast((each) => each.state === 'X' && each.service !== undefined);
    const pid = reuses ? former?.pid : undefined;
    const parent = processes.start({ ppid: 1, pid, name: 'other', argv: ['other'], exe: '/bin/other' });
    const child = processes.start({ ppid: parent.pid, name: 'other', argv: ['other'], exe: '/bin/other' });
    for (const each of [parent, child]) each.isForeign = true;
    if (parent.pid === pid) this.#checks.reused();
  }

  /** Of a terminal, the program and the analyzers get it too. */
  #signal(name) {
    const { processes } = this.#machine;
    const isShared = this.#plan.isTerminal && ['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT'].includes(name);
    if (isShared)
      for (const each of Array.from(processes.table.values()))
        if (!each.isForeign && each.name !== SNAPSHOT) each.receive(name);
    this.#checks.signals(name, isShared);
  }

  async run(command) {
    const { world, files } = this.#machine;
    const { json, duration } = this.#plan;
    for (const { from, at: _, ...each } of this.#plan.events) if (from === 'begin') this.#happens(each);
    this.#schedule('start');
    const stream = () => new Writable({ write: (chunk, _, done) => ((this.#text += chunk), done()) });
    const io = { stdout: stream(), stderr: stream(), env: { PATH: '/usr/bin' } };
    const values = {
      interval: '1s',
      ...(json && { json: '/out/report.json' }),
      ...(duration > 0 && { duration: `${duration}ms` }),
    };
    const ended = { outcome: null };
    const onRejection = (error) => void world.uncaught.push(error);
    process.on('unhandledRejection', onRejection);
    let steps = 1;
    try {
      command(values, ['node', '/srv/app.js'], io).then(
        (code) => (ended.outcome = { code }),
        (error) => (ended.outcome = { error }),
      );
      await nextTurn();
      while (ended.outcome === null && this.#machine.endedBy === null && files.left === null) {
        work.begin(MOST_WORK);
        if (await world.step()) this.#checks.step();
        steps++;
      }
      if (files.left === null) this.#checks.end(ended.outcome, this.#text);
      if (files.losesPower) files.powerIsLost();
      if (files.left !== null) this.#checks.lost(files.left);
    } catch (error) {
      error.message += `\n--- output:\n${this.#text}`;
      throw error;
    } finally {
      process.off('unhandledRejection', onRejection);
      work.begin(Infinity);
    }
    return files.left === null ? steps : steps + (await new Run(NEXT, files.left).run(command));
  }
}

function run(pack, plan) {
  return new Run(plan).run(pack.internal('lib/cli/run.js').run);
}

module.exports = { name: 'supervisor', program, run, slice: 20 };
