'use strict';
// Tracked emitters against lists: trackEmitter, TrackedEventEmitter and trackAll start and stop at any step, foreign
// patches come above and below theirs, listeners are added and removed by all methods, and a tick comes between.

const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const fc = require('fast-check');
const { attempt, timers } = require('../adversary.js');
const { work } = require('../seams.js');

const ADDERS = ['on', 'addListener', 'prependListener'];
const originals = Object.fromEntries(ADDERS.map((name) => [name, EventEmitter.prototype[name]]));
const EVENTS = ['a', 'b'];
const emitter = fc.nat({ max: 2 });
const event = fc.constantFrom(...EVENTS);
const method = fc.constantFrom(...ADDERS, 'once', 'prependOnceListener');

const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ op: fc.constant('add'), emitter, event, method, count: fc.constantFrom(1, 1, 9) }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('remove'), emitter, event, which: fc.nat({ max: 9 }) }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('emit', 'removeAll', 'refuse'), emitter, event }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('track', 'untrack'), emitter }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('trackAll', 'stopAll', 'patch', 'unpatch', 'tick') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('cycles'), count: fc.constant(60) }) },
);
const program = fc.record({ steps: fc.array(anyStep, { maxLength: 50, size: 'max' }) });

/** Frames between the caller of `on` and a listener of `newListener`, wrappers and foreign patches included. */
const MOST_FRAMES = 60;
/** A stop of trackAll goes through the emitters that are listed, of former programs too. */
const MOST_WORK = 300_000;

/** An emitter whose `on` calls another method that adds the listener, and passes over what is none. */
class Roundabout extends EventEmitter {
  on(name, listener) {
    return typeof listener === 'function' ? this.addListener(name, listener) : this;
  }
}

class Run {
  trackers = [[], [], []];
  all = [];
  patches = [];
  last = 0;
  emitted = [];
  hadAll = false;

  constructor(pack) {
    this.pack = pack;
    this.emitters = [new EventEmitter(), new Roundabout(), new pack.TrackedEventEmitter({ name: 'tracked' })];
    for (const each of this.emitters) each.setMaxListeners(0);
    /** For each emitter and event: { id, once, listener }. */
    this.lists = this.emitters.map(() => ({ a: [], b: [] }));
    /** For each emitter and event, the listeners added since it is tracked by itself. */
    this.added = this.emitters.map(() => ({ a: 0, b: 0 }));
    /** The same since it is there. */
    this.ever = this.emitters.map(() => ({ a: 0, b: 0 }));
  }

  add({ emitter: at, event: name, method: how, count }) {
    for (let left = count; left > 0; left--) {
      const id = ++this.last;
      const listener = () => this.emitted.push(id);
      assert.equal(this.emitters[at][how](name, listener), this.emitters[at]);
      const entry = { id, once: /once/i.test(how), listener };
      if (how.startsWith('prepend')) this.lists[at][name].unshift(entry);
      else this.lists[at][name].push(entry);
      this.added[at][name]++;
      this.ever[at][name]++;
    }
  }

  remove({ emitter: at, event: name, which }) {
    const list = this.lists[at][name];
    if (list.length === 0) return;
    const [{ listener }] = list.splice(which % list.length, 1);
    this.emitters[at].off(name, listener);
  }

  removeAll({ emitter: at, event: name }) {
    this.emitters[at].removeAllListeners(name);
    this.lists[at][name] = [];
  }

  emit({ emitter: at, event: name }) {
    const list = this.lists[at][name];
    this.emitted = [];
    assert.equal(this.emitters[at].emit(name), list.length > 0);
    assert.deepEqual(
      this.emitted,
      list.map(({ id }) => id),
    );
    this.lists[at][name] = list.filter(({ once }) => !once);
  }

  /** Node refuses what is no function, another emitter passes over it, and nothing is counted. */
  refuse({ emitter: at, event: name }) {
    const { error } = attempt(() => this.emitters[at].on(name, 1));
    assert.equal(error?.code, this.emitters[at] instanceof Roundabout ? undefined : 'ERR_INVALID_ARG_TYPE');
  }

  track({ emitter: at }) {
    if (this.trackers[at].length === 0) this.added[at] = { a: 0, b: 0 };
    this.trackers[at].push(this.pack.trackEmitter(this.emitters[at]));
  }

  untrack({ emitter: at }) {
    const tracker = this.trackers[at].pop();
    tracker?.stop();
    tracker?.stop();
  }

  trackAll() {
    this.hadAll = true;
    this.all.push(this.pack.trackAll({ emitters: true }));
  }

  stopAll() {
    this.all.pop()?.stop();
  }

  patch() {
    const { on } = EventEmitter.prototype;
    const patched = function (...given) {
      return Reflect.apply(on, this, given);
    };
    this.patches.push({ on, patched });
    EventEmitter.prototype.on = patched;
  }

  /** As a mocking library does: what was there is put back if nothing is on top. */
  unpatch() {
    const { on, patched } = this.patches.at(-1) ?? {};
    if (patched === undefined || EventEmitter.prototype.on !== patched) return;
    this.patches.pop();
    EventEmitter.prototype.on = on;
  }

  tick() {
    timers.advance(1000);
  }

  /** Starts and stops under a foreign patch: wrappers must not accumulate. */
  cycles({ count }) {
    this.hadAll = true;
    for (let left = count; left > 0; left--) {
      const tracker = this.pack.trackAll({ emitters: true });
      const { on } = EventEmitter.prototype;
      EventEmitter.prototype.on = function (...given) {
        return Reflect.apply(on, this, given);
      };
      tracker.stop();
      EventEmitter.prototype.on = on;
    }
  }

  check() {
    this.emitters.forEach((each, at) => {
      for (const name of EVENTS) {
        const ids = each.rawListeners(name).map((raw) => raw.listener ?? raw);
        assert.deepEqual(
          ids,
          this.lists[at][name].map(({ listener }) => listener),
          'the listeners, in order',
        );
      }
      const tracker = this.trackers[at][0];
      if (tracker !== undefined) this.checkReport(tracker.report(), at);
    });
  }

  checkReport({ events }, at) {
    for (const { event: name, count, added, sites } of events) {
      if (!EVENTS.includes(name)) continue;
      assert.equal(count, this.lists[at][name].length, 'the count of a report');
      // A TrackedEventEmitter, and one that trackAll has seen, may count from earlier on.
      if (at === 2 || this.hadAll) assert.ok(added >= this.added[at][name], 'the additions of a report');
      else assert.equal(added, this.added[at][name], 'the additions of a report');
      assert.ok(added <= this.ever[at][name], 'no addition is reported twice');
      const sited = sites.reduce((sum, site) => sum + site.count, 0);
      assert.ok(Math.round(sited) <= Math.min(count, added), `${sited} of ${added} added listeners have a site`);
    }
  }

  checkDepth() {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = Infinity;
    try {
      const probe = new EventEmitter();
      let frames = 0;
      probe.once('newListener', () => (frames = new Error('depth').stack.split('\n').length));
      probe.on('x', () => {});
      assert.ok(frames <= MOST_FRAMES, `${frames} frames below a listener`);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  /** Stops all, and leaves the process as it was. */
  end() {
    for (const tracker of [...this.trackers.flat(), ...this.all]) tracker.stop();
    while (this.patches.length > 0) EventEmitter.prototype.on = this.patches.pop().on;
    // A wrapper that a foreign patch has put back goes with the next tracker.
    this.pack.trackAll({ emitters: true }).stop();
    const changed = ADDERS.filter((name) => EventEmitter.prototype[name] !== originals[name]);
    Object.assign(EventEmitter.prototype, originals);
    assert.deepEqual(changed, [], 'methods of EventEmitter.prototype that are not as before');
    const own = ADDERS.filter((name) => Object.hasOwn(this.emitters[0], name));
    assert.deepEqual(own, [], 'methods that an emitter keeps of its own');
  }
}

function run(pack, { steps }) {
  const state = new Run(pack);
  try {
    for (const each of steps) {
      work.begin();
      state[each.op](each);
      assert.ok(work.done <= MOST_WORK, `${each.op} did ${work.done} units of work`);
      state.check();
    }
    state.checkDepth();
  } catch (error) {
    attempt(() => state.end());
    throw error;
  }
  state.end();
  return steps.length;
}

module.exports = { name: 'emitters', program, run, slice: 30 };
