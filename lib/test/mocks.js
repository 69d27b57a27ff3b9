'use strict';
// Names the mock functions that keep a record of each call: those of Jest, Vitest, Sinon and node:test.

/**
 * Runs in each realm of the thread, so it stands for itself. No getter of a foreign object is called before it is known
 * as a mock.
 *
 * @param {object[]} objects
 * @param {number} least  calls that a mock must have recorded
 * @returns {{ name: string, calls: number }[]}
 */
function recorded(objects, least) {
  // Its source is all that the other realm gets.
  // oxlint-disable-next-line unicorn/consistent-function-scoping
  const own = (object, key) => Object.getOwnPropertyDescriptor(object, key)?.value;
  const found = [];
  const add = (calls, name) => {
    if (calls >= least) found.push({ name: typeof name === 'string' ? name : '', calls });
  };
  for (const object of objects) {
    try {
      if (typeof object === 'function') {
        if (own(object, '_isMockFunction') === true) add(object.mock.calls.length, object.getMockName?.());
        else if (own(object, 'isSinonProxy') === true) add(object.callCount, object.displayName);
      } else {
        const constructor = own(Object.getPrototypeOf(object) ?? {}, 'constructor');
        if (typeof constructor === 'function' && own(constructor, 'name') === 'MockFunctionContext')
          add(object.callCount(), '');
      }
    } catch {
      // Not such a mock.
    }
  }
  return found.toSorted((a, b) => b.calls - a.calls).slice(0, 3);
}

module.exports = { recorded };
