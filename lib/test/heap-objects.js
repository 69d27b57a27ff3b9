'use strict';
// The live objects of this thread, from V8's inspector. V8 runs a full collection before each query.

const GROUP = 'plimsoll';
let keys = 0;

class HeapObjects {
  /** @type {import('node:inspector').Session | null} */
  #session = null;

  /** Connects. @returns {HeapObjects | null} null where Node has no inspector, or a permission forbids it */
  static open() {
    try {
      const { Session } = require('node:inspector');
      const objects = new HeapObjects();
      objects.#session = new Session();
      objects.#session.connect();
      return objects;
    } catch {
      return null;
    }
  }

  /**
   * Calls `visit` with all live objects of the realm of this module.
   *
   * @template T
   * @param {(objects: object[]) => T} visit
   * @returns {T | undefined} undefined where V8 refuses
   */
  ofThisRealm(visit) {
    const key = `__plimsoll${process.pid}_${keys++}`;
    let result;
    const once = (objects) => {
      result = visit(objects);
    };
    Object.defineProperty(globalThis, key, { value: once, configurable: true, enumerable: false });
    try {
      this.#query(`globalThis.${key}(this)`, `typeof globalThis.${key} === 'function'`);
    } finally {
      Reflect.deleteProperty(globalThis, key);
    }
    return result;
  }

  /** What the function of this source returns (JSON) for the live objects (`this`) of each realm. @param {string} body @returns {any[]} */
  ofAllRealms(body) {
    return this.#query(body, 'true');
  }

  close() {
    this.#session.disconnect();
  }

  #query(body, condition) {
    const answers = [];
    try {
      for (const contextId of this.#contexts()) {
        const evaluate = (expression) => this.#post('Runtime.evaluate', { expression, contextId, objectGroup: GROUP, silent: true }).result;
        if (evaluate(condition).value !== true) continue;
        const { objectId: prototypeObjectId } = evaluate('Object.prototype');
        const { objects } = this.#post('Runtime.queryObjects', { prototypeObjectId, objectGroup: GROUP });
        const { result } = this.#post('Runtime.callFunctionOn', {
          functionDeclaration: `function () { return ${body}; }`,
          objectId: objects.objectId,
          returnByValue: true,
          silent: true,
        });
        answers.push(result.value);
        this.#post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
      }
    } catch {
      // A realm that ends meanwhile. The caller goes by what there is.
    }
    return answers;
  }

  /** The ids of this thread's realms: test runners make one for each test file. @returns {number[]} */
  #contexts() {
    const ids = [];
    const note = ({ params }) => ids.push(params.context.id);
    this.#session.on('Runtime.executionContextCreated', note);
    try {
      this.#post('Runtime.enable');
    } finally {
      this.#session.off('Runtime.executionContextCreated', note);
      this.#post('Runtime.disable');
    }
    return ids;
  }

  /** The session is of this thread, so the answer is here when `post` returns. */
  #post(method, params) {
    let answer;
    this.#session.post(method, params, (error, result) => {
      if (error !== null) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }
}

module.exports = { HeapObjects };
