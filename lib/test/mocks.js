'use strict';
// Names the mock functions that keep a record of each call: those of Jest, Vitest, Sinon and node:test.

/**
 * Runs in each realm of the thread, so it stands for itself. The first call notes how many calls each mock has
 * recorded; the second one returns those that have recorded more since. No getter of a foreign object is called before
 * it is known as a mock.
 *
 * @param {object[]} objects
 * @param {string} key  of the global object, for what the first call notes
 * @param {number} least  calls that a mock must have recorded since
 * @returns {{ name: string, calls: number }[]}
 */
function recorded(objects, key, least) {
  // Its source is all that the other realm gets.
  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const own = (object, property) => Object.getOwnPropertyDescriptor(object, property)?.value;
  /** @type {Map<object, number> | undefined} */
  const before = own(globalThis, key);
  const now = new Map();
  const found = [];
  const add = (mock, calls, name) => {
    now.set(mock, calls);
    if (before !== undefined && calls - (before.get(mock) ?? 0) >= least)
      found.push({ name: typeof name === 'string' ? name : '', calls });
  };
  for (const object of objects) {
    try {
      if (typeof object === 'function') {
        if (own(object, '_isMockFunction') === true) add(object, object.mock.calls.length, object.getMockName?.());
        else if (own(object, 'isSinonProxy') === true) add(object, object.callCount, object.displayName);
      } else {
        const constructor = own(Object.getPrototypeOf(object) ?? {}, 'constructor');
        if (typeof constructor === 'function' && own(constructor, 'name') === 'MockFunctionContext')
          add(object, object.callCount(), '');
      }
    } catch {
      // Not such a mock.
    }
  }
  if (before === undefined) Object.defineProperty(globalThis, key, { value: now, configurable: true });
  else Reflect.deleteProperty(globalThis, key);
  return found.toSorted((a, b) => b.calls - a.calls).slice(0, 3);
}

module.exports = { recorded };
