'use strict';
// Wrappers among the patches of other packages: any order of start, stop, patch and unpatch.
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { reporting } = require('../../lib/track/patch.js');
const { trackAll, trackEmitter } = require('../..');

const ROOT = JSON.stringify(path.join(__dirname, '../..'));
const OPERATIONS = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('start', 'stop', 'call') }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('patch'), forwards: fc.boolean() }) },
    // As shimmer does, only while it is on top; or as fake timers do, whatever is on top.
    { weight: 2, arbitrary: fc.record({ do: fc.constant('unpatch'), which: fc.nat(9), always: fc.boolean() }) },
  ),
  { maxLength: 60 },
);

/** A wrapper that was taken off is called by a patch that is put back, below the wrapper of the next start. */
const REPORTED_TWICE = [
  { do: 'start' },
  { do: 'patch', forwards: true },
  { do: 'patch', forwards: false },
  { do: 'unpatch', which: 0, always: true },
  { do: 'stop' },
  { do: 'unpatch', which: 0, always: true },
  { do: 'start' },
];

/** Foreign patches and ours on `owner[key]`, with what each function calls. */
class Chain {
  /** @type {Map<Function, Function | null>} */
  inner = new Map();
  /** Patches that are not undone yet. */
  patches = [];
  /** Functions that are not ours. */
  foreign = new Set();

  /** @param {(inner: Function | null) => Function} make  makes a patch; of null one that does not forward */
  constructor(owner, key, make) {
    Object.assign(this, { owner, key, make });
    this.inner.set(owner[key], null);
    this.foreign.add(owner[key]);
  }

  get top() {
    return this.owner[this.key];
  }

  patch(forwards) {
    const below = this.top;
    const patched = this.make(forwards ? below : null);
    this.inner.set(patched, forwards ? below : null);
    this.foreign.add(patched);
    this.patches.push({ patched, below });
    this.owner[this.key] = patched;
  }

  unpatch(which, always) {
    const [found] = this.patches.splice(which % Math.max(1, this.patches.length), 1);
    if (found !== undefined && (always || this.top === found.patched)) this.owner[this.key] = found.below;
  }

  /** Runs `start`, and learns which function it has put where. */
  start(start) {
    const below = this.top;
    start();
    if (this.top === below) return;
    assert.ok(!this.inner.has(this.top) || this.inner.get(this.top) === below, 'a wrapper calls one function for good');
    this.inner.set(this.top, below);
  }

  /** How many functions a call passes, of ours and others. */
  passed() {
    const passed = [];
    for (let each = this.top; each !== null; each = this.inner.get(each)) {
      assert.ok(each !== undefined && !passed.includes(each), 'no function calls itself');
      passed.push(each);
    }
    const foreign = passed.filter((each) => this.foreign.has(each)).length;
    return { foreign, ours: passed.length - foreign };
  }
}

/** Runs the operations; `call` returns how many reports a call has caused. */
function run(operations, chain, { start, stop, call }) {
  let on = false;
  for (const operation of operations) {
    if (operation.do === 'patch') chain.patch(operation.forwards);
    if (operation.do === 'unpatch') chain.unpatch(operation.which, operation.always);
    if (operation.do === 'start' && !on) {
      on = true;
      chain.start(start);
      assert.ok(!chain.foreign.has(chain.top), 'a start reports from now on');
    }
    if (operation.do === 'stop' && on) {
      on = false;
      stop();
      assert.ok(chain.foreign.has(chain.top), 'a stop takes the wrapper off that is on top');
    }
    const { ours, foreign } = chain.passed();
    assert.ok(ours <= foreign, `${ours} wrappers over ${foreign} functions`);
    assert.equal(call(), on && ours > 0 ? 1 : 0);
  }
  if (on) stop();
}

test('wrappers do not accumulate, and a call is reported once, in any order of start, stop, patch and unpatch', () => {
  fc.assert(
    fc.property(OPERATIONS, (operations) => {
      let reports = 0;
      const owner = { f: (x) => x + 1 };
      const wrapping = reporting(() => reports++);
      let end;
      run(operations, new Chain(owner, 'f', (inner) => (x) => (inner === null ? x + 1 : inner(x))), {
        start: () => (end = wrapping.start([[owner, 'f']])),
        stop: () => end(),
        call() {
          reports = 0;
          assert.equal(owner.f(1), 2);
          return reports;
        },
      });
    }),
    { numRuns: 1000, examples: [[REPORTED_TWICE]] },
  );
});

/** Patches of `on`, as tracers make them. */
const patchOfOn = (inner) =>
  function (event, listener) {
    return inner === null ? this : inner.call(this, event, listener);
  };

/** How many reports an addition causes, by what the tracker says of the event. */
function reportsOf(chain, emitter, event, added) {
  // A listener that came past the wrapper is found by its count.
  const reached = added !== null && chain.passed().ours > 0;
  const before = reached ? added() : 0;
  emitter.on(event, () => {});
  return reached ? added() - before : 0;
}

/** Runs the property on `on` of `owner`, the prototype or the emitter itself. */
function checkOn(ownerOf, track, numRuns) {
  const { on } = EventEmitter.prototype;
  let runs = 0;
  try {
    fc.assert(
      fc.property(OPERATIONS, (operations) => {
        EventEmitter.prototype.on = on;
        const emitter = new EventEmitter().setMaxListeners(0);
        const name = `run ${runs++}`;
        for (let i = 0; i < 8; i++) on.call(emitter, name, () => i);
        const chain = new Chain(ownerOf(emitter), 'on', patchOfOn);
        let tracker = null;
        const added = () =>
          [tracker.report()]
            .flat()
            .flatMap(({ emitters, events }) => emitters?.flatMap((each) => each.events) ?? events)
            .find(({ event }) => event === name)?.added ?? 0;
        run(operations, chain, {
          start: () => (tracker = track(emitter)),
          stop() {
            tracker.stop();
            tracker = null;
          },
          call: () => reportsOf(chain, emitter, name, tracker && added),
        });
      }),
      { numRuns, examples: [[REPORTED_TWICE]] },
    );
  } finally {
    EventEmitter.prototype.on = on;
  }
}

test('the same of EventEmitter.prototype.on with trackAll', () =>
  checkOn(
    () => EventEmitter.prototype,
    () => trackAll({ emitters: true }),
    150,
  ));

test('the same of the on of one emitter with trackEmitter', () => checkOn((emitter) => emitter, trackEmitter, 300));

test('an emitter that is tracked and untracked beneath another patch has one wrapper', () => {
  const emitter = new EventEmitter();
  let deepest = 0;
  const { on } = EventEmitter.prototype;
  // The depth of the call, in stack frames.
  EventEmitter.prototype.on = function (event, listener) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 100;
    deepest = Math.max(deepest, new Error('depth').stack.split('\n').length);
    Error.stackTraceLimit = stackTraceLimit;
    return on.call(this, event, listener);
  };
  try {
    for (let i = 0; i < 50; i++) {
      const tracker = trackEmitter(emitter);
      const below = emitter.on;
      emitter.on = (...args) => below.apply(emitter, args);
      tracker.stop();
      emitter.on = below;
    }
    const before = deepest;
    emitter.on('x', () => {});
    const once = deepest - before;
    deepest = 0;
    new EventEmitter().on('x', () => {});
    assert.ok(once <= deepest + 2, `${once} frames, ${deepest} without tracking`);
  } finally {
    EventEmitter.prototype.on = on;
  }
});

test('twenty thousand times tracked beneath fake timers, on and setTimeout work and are as before', () => {
  const program = `
    const { EventEmitter } = require('node:events');
    const { trackAll } = require(${ROOT});
    const { on } = EventEmitter.prototype;
    const { setTimeout } = globalThis;
    for (let i = 0; i < 20_000; i++) {
      const tracker = trackAll({ emitters: true, timers: true });
      const below = [EventEmitter.prototype.on, globalThis.setTimeout];
      EventEmitter.prototype.on = function (...args) { return below[0].apply(this, args); };
      globalThis.setTimeout = () => {};
      tracker.stop();
      [EventEmitter.prototype.on, globalThis.setTimeout] = below;
    }
    new EventEmitter().on('x', () => {});
    clearTimeout(globalThis.setTimeout(() => {}, 1));
    trackAll({ emitters: true, timers: true }).stop();
    process.stdout.write(String(EventEmitter.prototype.on === on && globalThis.setTimeout === setTimeout));
  `;
  assert.equal(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }), 'true');
});
