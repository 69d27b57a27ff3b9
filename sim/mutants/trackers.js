'use strict';
// LRUCache's walks and fetches, and the trackers of event targets, timers and promises.

const edit = (part, name, file, find, replace, former = false) => ({
  name: `${part}: ${name}`,
  part,
  former,
  edits: [{ file, find, replace }],
});
const ORDER = 'lib/cache/lru-cache/order.js';
const LISTENING = 'lib/track/listening.js';
const TARGETS = 'lib/track/event-targets.js';
const PATCH = 'lib/track/patch.js';
const TIMERS = 'lib/track/timers.js';
const SHARED = 'lib/track/shared-patch.js';
const CROWD = 'lib/track/crowd.js';
const RECORD = 'lib/track/event-record.js';
const FETCHES = 'lib/cache/lru-cache/fetches.js';
const PENDING = 'lib/cache/lru-cache/pending.js';
const DEPENDANTS = 'lib/track/dependants.js';

module.exports = [
  edit(
    'lru-cache',
    'a walk forgets its entry when numbers are used up',
    ORDER,
    '    this.#noted = NOTHING;\n  }\n\n  #isAhead',
    '    this.#slot = NONE;\n    this.#noted = NOTHING;\n  }\n\n  #isAhead',
    true,
  ),
  edit(
    'lru-cache',
    'a walk loses its place when numbers are used up',
    ORDER,
    'if (this.#era !== order.era) this.#follow();',
    'this.#era = order.era;',
  ),
  edit(
    'lru-cache',
    'a walk that uses each entry does not end',
    ORDER,
    'if (!here) this.#stopBefore(links[at + NUMBER]);',
    '',
  ),
  edit(
    'lru-cache',
    'a walk goes beyond its end',
    ORDER,
    'if (this.#limit !== null && number > this.#limit) return NONE;',
    '',
  ),
  edit(
    'lru-cache',
    'a noted entry is taken for one that is there',
    ORDER,
    'if (links[cellOf(slot) + NUMBER] === number) return slot;',
    'return slot;',
  ),
  edit(
    'lru-cache',
    'a place that is lost is searched for from one end',
    ORDER,
    'found = ahead;\n      passed',
    'passed',
  ),
  edit(
    'lru-fetch',
    'a signal keeps the listener of a fetch that has ended',
    PENDING,
    'fetched.then(release, release);',
    'fetched.then(release, () => {});',
  ),
  edit(
    'lru-fetch',
    'a fetch that ends replaces what was set meanwhile',
    FETCHES,
    'if (this.#slotOf(pending) === undefined && !(late && !this.#store.index.has(key))) return;',
    '',
  ),
  edit(
    'lru-fetch',
    'an aborted fetch leaves its entry',
    PENDING,
    'if (!(onAbort && options.ignoreFetchAbort))',
    'if (!onAbort)',
  ),
  edit(
    'lru-fetch',
    'a fetch without a value leaves an empty entry',
    PENDING,
    'if (value === undefined) this.#cache.fail(this, true);\n    else this.#cache.succeed(this, value, false);',
    'if (value !== undefined) this.#cache.succeed(this, value, false);',
  ),
  edit(
    'lru-fetch',
    'a failed size leaves the fetch in the place of its value',
    FETCHES,
    'this.fail(pending, true); // where sizeCalculation threw, it still stands there',
    '',
  ),
  edit(
    'lru-fetch',
    'an eviction does not abort its fetch',
    'lib/cache/lru-cache/removals.js',
    'entry.pending?.abort(new Error(ABORTS[entry.reason]));',
    '',
  ),
  edit(
    'lru-fetch',
    'a walk shows fetches',
    'lib/cache/lru-cache/store.js',
    'return held instanceof Pending ? held.stale : held;',
    'return held;',
  ),
  edit(
    'event-targets',
    'a listener that is missing is passed on',
    LISTENING,
    'arguments.length === 2 ? original.call(this, event, listener) : Reflect.apply(original, this, arguments);',
    'arguments.length > 2 ? Reflect.apply(original, this, arguments) : original.call(this, event, listener);',
    true,
  ),
  edit(
    'event-targets',
    'AbortSignal.any takes a Set on Node 20',
    TARGETS,
    'if (!isIterable || !takesIterables(original)) return { given: signals, list: signals };',
    'if (!isIterable) return { given: signals, list: signals };\n  if (!takesIterables(original)) return { given: Array.from(signals), list: Array.from(signals) };',
    true,
  ),
  edit(
    'event-targets',
    'a derived signal counts twice under a foreign patch',
    TARGETS,
    'if (!wrapping.on || wrapping.inside) return Reflect.apply(original, this, arguments);\n      wrapping.inside = true;',
    'if (!wrapping.on) return Reflect.apply(original, this, arguments);\n      wrapping.inside = true;',
  ),
  edit(
    'event-targets',
    'the wrapper of AbortSignal.any stays on after an error',
    TARGETS,
    '      wrapping.inside = true;\n      try {\n        return deriveAny(original, this, signals);\n      } finally {\n        wrapping.inside = false;\n      }',
    '      wrapping.inside = true;\n      const derived = deriveAny(original, this, signals);\n      wrapping.inside = false;\n      return derived;',
  ),
  edit(
    'event-targets',
    'a chain of derived signals counts for no target',
    TARGETS,
    'originsOf.get(signal)?.map((ref) => ref.deref()) ?? [signal]',
    '[signal]',
  ),
  edit(
    'event-targets',
    'stop does not end the counting of derived signals',
    LISTENING,
    'source.end?.();\n    source.end = null;\n    if (target === undefined) return;',
    'if (target === undefined) return;',
  ),
  edit(
    'event-targets',
    'a stopped target keeps its method',
    LISTENING,
    'safely(() => {\n      if (this.#about.wraps(target)) one.takeAll(placesOf(target, this.#about.adders));\n    });',
    '',
  ),
  edit(
    'emitters',
    'an addition inside another is counted twice',
    LISTENING,
    'if (source === undefined || !source.explicit || (addingTo === this && addingEvent === event)) return result;',
    'if (source === undefined || !source.explicit) return result;',
  ),
  edit(
    'event-targets',
    'an inherited method stays on the target',
    PATCH,
    'if (below.inherited) Reflect.deleteProperty(owner, key);',
    'if (below.inherited) Reflect.defineProperty(owner, key, { ...current, value: below.original });',
  ),
  edit(
    'event-targets',
    'a replaced method is enumerable',
    PATCH,
    '{ value, writable: true, enumerable: false, configurable: true } : { ...before, value };',
    '{ value, writable: true, enumerable: false, configurable: true } : { ...before, enumerable: false, value };',
  ),
  edit(
    'event-targets',
    'a dependant that is not listened to any more counts',
    DEPENDANTS,
    'if (info.listenedTo) count += weight;',
    'if (!info.listenedTo) count += weight;',
  ),
  edit(
    'event-targets',
    'listeners from before count as added',
    RECORD,
    'const past = Math.max(0, count - this.#base - this.added);',
    'const past = count;',
  ),
  edit(
    'timers',
    'what import gives is not brought up to date',
    TIMERS,
    'stop();\n    syncBuiltinESMExports();',
    'stop();',
    true,
  ),
  edit(
    'timers',
    'only node:timers is restored',
    PATCH,
    'for (const [owner, key] of places) safely(() => this.take(owner, key));',
    'for (const [owner, key] of places.slice(0, 1)) safely(() => this.take(owner, key));',
  ),
  edit(
    'timers',
    'the first tracker that stops ends the others',
    SHARED,
    'if (--this.#users === 0) this.#end();',
    'this.#users--;\n      this.#end();',
  ),
  edit(
    'timers',
    'a tracker that stops leaves the patch',
    SHARED,
    'if (--this.#users === 0) this.#end();',
    'this.#users--;',
  ),
  edit(
    'timers',
    'a timer that was cleared counts',
    TIMERS,
    'const timerIsLive = (timer) => timer._destroyed === false;',
    'const timerIsLive = (timer) => timer._destroyed !== undefined;',
  ),
  edit(
    'timers',
    'a promise that is settled counts',
    'lib/track/promise-state.js',
    "return inspect(promise, OPTIONS).includes('{ <pending>');",
    "return inspect(promise, OPTIONS).includes('Promise');",
  ),
  edit(
    'timers',
    'a promise is old from the first tick on',
    'lib/track/promises.js',
    'sample.info.old ||= now - sample.at >= minAge;',
    'sample.info.old ||= now - sample.at >= 100 * minAge;',
  ),
  edit(
    'timers',
    'samples that are asked in turn are lost',
    CROWD,
    'for (const sample of asked) if (isLive(sample)) reservoir.samples.push(sample);',
    '',
  ),
  edit(
    'timers',
    'a wrapper loses the properties of the function',
    PATCH,
    'wrapper = likeness(this.#make(original, this), original);',
    'wrapper = this.#make(original, this);',
  ),
  edit(
    'timers',
    'a wrapper makes the call twice where the first returns nothing',
    PATCH,
    'const result = Reflect.apply(original, self, args);\n      safely(note, self, args, result);',
    'let result = Reflect.apply(original, self, args);\n      if (args.length > 2) result = Reflect.apply(original, self, args);\n      safely(note, self, args, result);',
  ),
];
