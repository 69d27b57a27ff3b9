'use strict';
// Replacing a built-in function so that nobody notices, and putting it back.

/** Gives a wrapper what hangs on the function that it wraps (name, length, promisify.custom). */
function likeness(wrapped, original) {
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    Object.defineProperty(wrapped, key, Object.getOwnPropertyDescriptor(original, key));
  }
  return wrapped;
}

/**
 * Puts `wrapped` in the place of `owner[key]`.
 * @returns {() => void} what restores it; where somebody has wrapped ours since, it stays.
 */
function replace(owner, key, wrapped) {
  const before = Object.getOwnPropertyDescriptor(owner, key);
  Object.defineProperty(owner, key, { ...before, value: wrapped });
  return () => {
    if (owner[key] === wrapped) Object.defineProperty(owner, key, before);
  };
}

module.exports = { likeness, replace };
