'use strict';
// Tracked event targets against lists: trackEventTarget and trackAll start and stop at any step, with foreign patches
// above and below theirs. Listeners are added twice, once, with a signal, for the capture phase. Signals are derived by
// AbortSignal.any from arrays and from what can be read once only.

const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const fc = require('fast-check');
const { MOST_WORK_OF_TICK, Thrown, attempt, timers } = require('../adversary.js');
const { work } = require('../seams.js');

const TARGETS = 4;
const target = fc.nat({ max: TARGETS - 1 });
const type = fc.constantFrom('abort', 'ping');
const anyStep = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('add'),
      target,
      type,
      options: fc.constantFrom(undefined, true, 'once', 'capture', 'signal', 'aborted'),
      isObject: fc.boolean(),
      count: fc.constantFrom(1, 1, 1, 60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('again', 'refuse', 'dispatch', 'endSignal'), target, type }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('remove'), target, type, which: fc.nat({ max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('track', 'untrack'), target }) },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('derive'),
      from: fc.array(fc.constantFrom(1, 2, 'derived', 'bad', 'aborted'), { maxLength: 3 }),
      as: fc.constantFrom('array', 'array', 'Set', 'generator', 'throws', 'nothing'),
      listens: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('mute', 'abort'), which: fc.nat({ max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('trackAll', 'stopAll', 'patch', 'unpatch', 'tick') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('patchAny', 'unpatchAny', 'stack', 'force') }) },
);
const program = fc.record({ steps: fc.array(anyStep, { maxLength: 50, size: 'max' }) });

const PLACES = [
  [EventTarget.prototype, 'addEventListener'],
  [AbortSignal, 'any'],
];
const describePlaces = () => PLACES.map(([owner, key]) => Object.getOwnPropertyDescriptor(owner, key));
const originals = describePlaces();
const { any: nodesAny } = AbortSignal;
const { addEventListener } = EventTarget.prototype;

const MOST_WORK = 50_000;
const mostWorkOf = ({ op }) => (op === 'tick' ? MOST_WORK_OF_TICK : MOST_WORK);

/** A target whose own method adds the listener by way of Node's. */
class Own extends EventTarget {
  addEventListener(...given) {
    return super.addEventListener(...given);
  }
}

/** What two calls came to: their results apart from identity. */
const outcome = ({ value, error }) =>
  error === undefined
    ? { aborted: value.aborted, reason: value.reason }
    : { name: error.name, code: error.code, message: error.message };

class Run {
  trackers = Array.from({ length: TARGETS }, () => []);
  all = [];
  patches = [];
  last = 0;
  heard = [];
  hadAll = false;
  hadForce = false;
  /** Derived signals: { signal, from: the targets at its start, listens }. */
  derived = [];
  /** The same, those included that the program has let go. */
  everDerived = [];

  constructor(pack) {
    this.pack = pack;
    this.controllers = [new AbortController(), new AbortController()];
    this.targets = [new EventTarget(), ...this.controllers.map(({ signal }) => signal), new Own()];
    /** For each target: { id, type, listener, capture, once, controller }. */
    this.lists = this.targets.map(() => []);
    /** For each target and type, calls that were made to add a listener since it is tracked. */
    this.since = this.targets.map(() => ({ abort: 0, ping: 0 }));
  }

  of(at, name) {
    return this.lists[at].filter((entry) => entry.type === name);
  }

  add({ count, ...given }) {
    for (let left = count; left > 0; left--) this.addOne(given);
  }

  addOne({ target: at, type: name, options, isObject }) {
    const id = ++this.last;
    const hear = () => this.heard.push(id);
    const listener = isObject ? { handleEvent: hear } : hear;
    const controller = options === 'signal' || options === 'aborted' ? new AbortController() : null;
    if (options === 'aborted') controller.abort();
    const given = {
      once: { once: true },
      capture: { capture: true },
      signal: { signal: controller?.signal },
      aborted: { signal: controller?.signal },
    }[options];
    const result = this.targets[at].addEventListener(name, listener, given ?? options);
    assert.equal(result, undefined);
    this.since[at][name]++;
    if (options === 'aborted') return;
    const capture = options === true || options === 'capture';
    this.lists[at].push({ id, type: name, listener, capture, once: options === 'once', controller });
  }

  /** A listener that is there already is not added again; the call counts. */
  again({ target: at, type: name }) {
    const entry = this.of(at, name).at(-1);
    if (entry === undefined) return;
    this.targets[at].addEventListener(name, entry.listener, { capture: entry.capture });
    this.since[at][name]++;
  }

  refuse({ target: at, type: name }) {
    const { error } = attempt(() => this.targets[at].addEventListener(name, 1));
    assert.equal(error?.code, 'ERR_INVALID_ARG_TYPE');
    assert.equal(attempt(() => this.targets[at].addEventListener(name, null)).error, undefined);
    assert.equal(attempt(() => this.targets[at].addEventListener()).error?.code, 'ERR_MISSING_ARGS');
  }

  remove({ target: at, type: name, which }) {
    const list = this.of(at, name);
    if (list.length === 0) return;
    const entry = list[which % list.length];
    this.targets[at].removeEventListener(name, entry.listener, { capture: entry.capture });
    this.drop(at, entry);
  }

  drop(at, entry) {
    this.lists[at] = this.lists[at].filter((other) => other !== entry);
  }

  endSignal({ target: at, type: name }) {
    const entry = this.of(at, name).find(({ controller }) => controller !== null);
    if (entry === undefined) return;
    entry.controller.abort();
    this.drop(at, entry);
  }

  dispatch({ target: at, type: name }) {
    if (name === 'abort') return;
    this.heard = [];
    this.targets[at].dispatchEvent(new Event(name));
    this.checkHeard(at, name);
  }

  checkHeard(at, name) {
    const list = this.of(at, name);
    assert.deepEqual(
      this.heard,
      list.map(({ id }) => id),
      'the listeners that ran, in order',
    );
    for (const entry of list) if (entry.once) this.drop(at, entry);
  }

  track({ target: at }) {
    if (this.trackers[at].length === 0) this.since[at] = { abort: 0, ping: 0 };
    this.trackers[at].push(this.pack.trackEventTarget(this.targets[at]));
  }

  untrack({ target: at }) {
    const tracker = this.trackers[at].pop();
    tracker?.stop();
    tracker?.stop();
    // The next tracker of the target counts from its own start.
    if (this.trackers[at].length === 0) for (const { tracked } of this.derived) tracked.delete(at);
  }

  trackAll() {
    this.hadAll = true;
    this.all.push(this.pack.trackAll({ eventTargets: true }));
  }

  stopAll() {
    this.all.shift()?.stop();
  }

  put(place) {
    const [owner, key] = PLACES[place];
    const before = owner[key];
    const patched = function (...given) {
      return Reflect.apply(before, this, given);
    };
    this.patches.push({ place, before, patched });
    owner[key] = patched;
  }

  take(place, forced) {
    const [owner, key] = PLACES[place];
    const at = this.patches.findLastIndex((patch) => patch.place === place);
    if (at === -1 || (!forced && owner[key] !== this.patches[at].patched)) return;
    const [{ before }] = this.patches.splice(at, 1);
    owner[key] = before;
  }

  patch() {
    this.put(0);
  }
  unpatch() {
    this.take(0, false);
  }
  patchAny() {
    this.put(1);
  }
  unpatchAny() {
    this.take(1, false);
  }

  /** A foreign patch between two wrappers of ours: one was there before it, one comes after the next start. */
  stack() {
    this.track({ target: 1 });
    this.patchAny();
    while (this.all.length > 0) this.stopAll();
    for (const at of [1, 2]) while (this.trackers[at].length > 0) this.untrack({ target: at });
    this.track({ target: 1 });
  }

  /** Puts back what was there, whatever has been put over it meanwhile. */
  force() {
    this.take(0, true);
    this.take(1, true);
    this.hadForce = true;
  }

  tick() {
    timers.advance(1000);
  }

  /** Derives a signal twice: by the patched function, and by Node's. */
  derive({ from, as, listens }) {
    const sources = from.map((each) => this.sourceOf(each));
    const make = () => {
      if (as === 'array') return sources;
      if (as === 'Set') return new Set(sources);
      if (as === 'nothing') return undefined;
      return (function* once() {
        yield* sources;
        if (as === 'throws') throw new Thrown('iterator');
      })();
    };
    const ours = attempt(() => AbortSignal.any(make()));
    const nodes = attempt(() => nodesAny.call(AbortSignal, make()));
    assert.deepEqual(outcome(ours), outcome(nodes), 'what AbortSignal.any gives');
    const signal = ours.value;
    if (signal === undefined || signal.aborted) return;
    if (listens) addEventListener.call(signal, 'abort', () => {});
    const at = new Set(sources.flatMap((source) => this.startOf(source)));
    // Of a signal that was derived before it is not known from which.
    const parents = sources.flatMap((source) => this.derived.filter((each) => each.signal === source));
    const isKnown = (this.all.length > 0 || this.tracksAny().size > 0) && parents.every((parent) => parent.isKnown);
    this.derived.push({ signal, at, listens, isKnown, tracked: isKnown ? this.tracksAny() : new Set() });
    this.everDerived.push(this.derived.at(-1));
  }

  sourceOf(each) {
    if (each === 'bad') return {};
    if (each === 'aborted') return AbortSignal.abort('reason');
    if (each === 'derived') return this.derived.at(-1)?.signal ?? this.targets[1];
    return this.targets[each];
  }

  startOf(signal) {
    const at = this.targets.indexOf(signal);
    return at !== -1 ? [at] : [...(this.derived.find((each) => each.signal === signal)?.at ?? [])];
  }

  /** Which targets count their derived signals now. */
  tracksAny() {
    // What was put back may lie below the wrapper.
    if (this.hadForce) return new Set();
    return new Set([1, 2].filter((at) => this.trackers[at].length > 0));
  }

  mute({ which }) {
    if (this.derived.length === 0) return;
    this.derived.splice(which % this.derived.length, 1)[0].gone = true;
  }

  abort({ which }) {
    const at = 1 + (which % 2);
    const { signal } = this.controllers[at - 1];
    if (signal.aborted) return;
    this.heard = [];
    this.controllers[at - 1].abort('over');
    this.checkHeard(at, 'abort');
    for (const each of this.derived) if (each.at.has(at)) assert.equal(each.signal.aborted, true);
    this.derived = this.derived.filter((each) => !each.at.has(at));
  }

  check() {
    this.targets.forEach((each, at) => {
      for (const name of ['abort', 'ping']) {
        const ids = this.of(at, name).map(({ listener }) => listener);
        assert.equal(getEventListeners(each, name).length, ids.length, `listeners of ${name}`);
        assert.deepEqual(getEventListeners(each, name), ids, 'the listeners, in order');
      }
      const tracker = this.trackers[at][0];
      if (tracker !== undefined) this.checkReport(tracker.report(), at);
    });
  }

  checkReport({ events }, at) {
    const known = this.derived.filter((each) => each.at.has(at) && each.tracked.has(at) && each.listens).length;
    const counted = events.find(({ event }) => event === 'AbortSignal.any')?.count ?? 0;
    assert.ok(counted >= known, `${counted} derived signals are listened to, of ${known}`);
    // Those of before its tracker may be known to it or not.
    const listening = this.everDerived.filter((each) => each.at.has(at) && each.listens && !each.signal.aborted).length;
    assert.ok(counted <= listening, `${counted} derived signals are counted, of ${listening} that are listened to`);
    for (const { event, count, added, removed, sites } of events) {
      const sited = sites.reduce((sum, site) => sum + site.count, 0);
      assert.ok(count >= 0 && removed >= 0, `${event}: ${count} listeners, ${removed} removed`);
      if (event === 'AbortSignal.any') continue;
      assert.equal(count, this.of(at, event).length, 'the count of a report');
      // A target that trackAll has seen may count from earlier on.
      if (this.hadAll) assert.ok(added >= this.since[at][event], `${added} of ${this.since[at][event]} additions`);
      else assert.equal(added, this.since[at][event], 'the additions of a report');
      assert.ok(Math.round(sited) <= Math.min(count, added), `${sited} of ${added} added listeners have a site`);
    }
    for (const name of ['abort', 'ping'])
      if (this.since[at][name] > 0 && this.of(at, name).length > 0)
        assert.ok(
          events.some(({ event }) => event === name),
          `${name} is missing in the report`,
        );
  }

  /** Stops all, and leaves the process as it was. */
  end() {
    for (const tracker of [...this.trackers.flat(), ...this.all]) tracker.stop();
    while (this.patches.length > 0) this.take(this.patches.at(-1).place, true);
    // A wrapper that a foreign patch has put back goes with the next tracker.
    this.pack.trackAll({ eventTargets: true }).stop();
    const left = describePlaces();
    PLACES.forEach(([owner, key], at) => Object.defineProperty(owner, key, originals[at]));
    assert.deepEqual(left, originals, 'the methods as before');
    const own = this.targets.filter((each) => Object.hasOwn(each, 'addEventListener'));
    assert.deepEqual(own, [], 'targets that keep a method of their own');
  }
}

function run(pack, { steps }) {
  const state = new Run(pack);
  try {
    for (const each of steps) {
      work.begin();
      state[each.op](each);
      assert.ok(work.done <= mostWorkOf(each), `${each.op} did ${work.done} units of work`);
      state.check();
    }
  } catch (error) {
    attempt(() => state.end());
    throw error;
  }
  state.end();
  return steps.length;
}

module.exports = { name: 'event-targets', program, run, slice: 30 };
