'use strict';
// Errors of computations, for other threads: structured cloning keeps the name, message, stack and cause of an error,
// and drops what the program has put on it (`code`, `status`).

const v8 = require('node:v8');
const { isNativeError } = require('node:util').types;

/** Errors of a chain of causes whose properties are kept. */
const CAUSES = 8;
/** Bytes of all properties: an error of a request may have its whole answer. */
const MAX_BYTES = 64 << 10;

/**
 * An error as bytes: as it is where it can be cloned, or else its text; and the own enumerable properties that can be
 * cloned, up to 64 KB.
 * @param {unknown} error @returns {Buffer}
 */
function encodeError(error) {
  const parts = { error, properties: propertiesOf(error) };
  return cloned(parts) ?? v8.serialize({ ...parts, error: new Error(textOf(error)) });
}

/** What it cannot read must not keep other callers waiting. @param {Buffer} bytes @returns {unknown} */
function decodeError(bytes) {
  try {
    const { error, properties } = v8.deserialize(bytes);
    let target = error;
    for (const pairs of properties) {
      if (!isObject(target)) break; // Of an error that came as its text there are no causes.
      for (const [key, value] of pairs) define(target, key, value);
      target = target.cause;
    }
    return error;
  } catch (error) {
    return error;
  }
}

function define(target, key, value) {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

/**
 * The properties of an error, of its cause, and so on.
 * @param {unknown} error @returns {[key: string, value: unknown][][]}
 */
function propertiesOf(error) {
  const chain = [];
  let left = MAX_BYTES;
  try {
    for (let each = error; isObject(each) && chain.length < CAUSES; each = each.cause) {
      // What is no error is cloned with its properties.
      if (!isNativeError(each) && (chain.length > 0 || cloned(each) !== null)) break;
      const pairs = [];
      chain.push(pairs);
      for (const key of Object.keys(each)) {
        if (key === 'cause') continue;
        const pair = pairOf(each, key);
        const bytes = pair === null ? null : cloned(pair);
        if (bytes === null || bytes.length > left) continue;
        left -= bytes.length;
        pairs.push(pair);
      }
      if (!isNativeError(each.cause)) break;
    }
  } catch {
    // A proxy, or a getter that throws: what was read before it counts.
  }
  return chain;
}

/** @returns {[string, unknown] | null} null where a getter throws */
function pairOf(object, key) {
  try {
    return [key, object[key]];
  } catch {
    return null;
  }
}

/** Read back here: V8 writes some (an error that is its own cause, on Node 20) that it cannot read. */
function cloned(value) {
  try {
    const bytes = v8.serialize(value);
    v8.deserialize(bytes);
    return bytes;
  } catch {
    return null;
  }
}

const isObject = (value) => (typeof value === 'object' && value !== null) || typeof value === 'function';

/** The text of anything that was thrown: its own `toString` may throw too. */
function textOf(error) {
  try {
    return String(error);
  } catch {
    return 'an error without a text';
  }
}

module.exports = { encodeError, decodeError };
