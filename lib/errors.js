'use strict';
// Every error of plimsoll has a code ERR_PLIMSOLL_* and a message that says what to do.

/**
 * @template {new (message: string, options?: ErrorOptions) => Error} T
 * @param {T} Base
 * @param {string} className
 */
function coded(Base, className) {
  const Coded = class extends Base {
    /** @param {string} code @param {string} message @param {ErrorOptions} [options] */
    constructor(code, message, options) {
      super(message, options);
      this.code = code;
    }
    // As Node prints its own: `TypeError [ERR_X]: message`; the name itself stays that of the base.
    get name() {
      return Base.name;
    }
    toString() {
      return `${this.name} [${this.code}]: ${this.message}`;
    }
  };
  Object.defineProperty(Coded, 'name', { value: className, configurable: true });
  return Coded;
}

const PlimsollError = coded(Error, 'PlimsollError');
const PlimsollTypeError = coded(TypeError, 'PlimsollTypeError');
const PlimsollRangeError = coded(RangeError, 'PlimsollRangeError');

/** How a rejected value is quoted in a message: short, on one line, never throwing. */
function quote(value) {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return isArray(value) ? 'an array' : 'an object';
  return String(value);
}

function isArray(value) {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a proxy that was revoked
  }
}

module.exports = { PlimsollError, PlimsollTypeError, PlimsollRangeError, quote };
