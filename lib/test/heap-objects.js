'use strict';
// The live objects of this thread, from V8's inspector. V8 runs a full collection before each query.

const GROUP = 'plimsoll';
let keys = 0;

const keyOf = () => `__plimsoll${process.pid}_${keys++}`;

class HeapObjects {
  /** @type {import('node:inspector').Session | null} */
  #session = null;
  /** The id of this module's realm. @type {number | undefined} */
  #own;

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
    const key = keyOf();
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

  /**
   * The variables that a function of this realm sees, an object for each scope but the global one.
   *
   * @param {Function} fn
   * @returns {object[]}
   */
  scopesOf(fn) {
    const scopes = [];
    this.#describe(fn, ({ internalProperties }, call) => {
      const { value: list } = internalProperties.find(({ name }) => name === '[[Scopes]]') ?? {};
      if (list === undefined) return;
      // The inspector gives a scope as { description, object }.
      for (const { description, object } of Array.from(call(list)[0] ?? []))
        if (description !== 'Global' && object) scopes.push(object);
    });
    return scopes;
  }

  /** Name and value of each private field. @param {object} instance @returns {[string, unknown][]} */
  privateFieldsOf(instance) {
    const fields = [];
    this.#describe(instance, ({ privateProperties = [] }, call) => {
      for (const { name, value } of privateProperties)
        if (value?.objectId !== undefined) fields.push([name, call(value)[0]]);
    });
    return fields;
  }

  /** Where a function begins, 0-based. @param {Function} fn @returns {{ scriptId: string, line: number } | null} */
  locationOf(fn) {
    let location = null;
    this.#describe(fn, ({ internalProperties }) => {
      const { value } = internalProperties.find(({ name }) => name === '[[FunctionLocation]]') ?? {};
      if (value !== undefined) location = { scriptId: value.value.scriptId, line: value.value.lineNumber };
    });
    return location;
  }

  /**
   * @param {object} object  of this realm
   * @param {(described: any, call: (remote: { objectId: string }) => any[]) => void} visit  gets what the inspector says
   *   of the object, and a function that gives a remote object's list or value
   */
  #describe(object, visit) {
    const key = keyOf();
    let got = [];
    // Called without an argument, it gives the object to the inspector; with one, it takes it from there.
    const share = (...taken) => {
      if (taken.length === 0) return object;
      got = taken;
    };
    const call = (remote) => {
      got = [];
      this.#post('Runtime.callFunctionOn', {
        functionDeclaration: `function () { globalThis.${key}(this); }`,
        objectId: remote.objectId,
        silent: true,
      });
      return got;
    };
    Object.defineProperty(globalThis, key, { value: share, configurable: true, enumerable: false });
    try {
      const contextId = (this.#own ??= this.#contexts().find(
        (id) => this.#evaluate(`typeof globalThis.${key} === 'function'`, id).value === true,
      ));
      const { objectId } = this.#evaluate(`globalThis.${key}()`, contextId);
      visit(this.#post('Runtime.getProperties', { objectId, ownProperties: true }), call);
      this.#post('Runtime.releaseObjectGroup', { objectGroup: GROUP });
    } catch {
      // A realm that the inspector does not know, or a function without scopes.
    } finally {
      Reflect.deleteProperty(globalThis, key);
    }
  }

  /**
   * What the function of this source returns (JSON) for the live objects (`this`) of each realm. @param {string} body
   * @returns {any[]}
   */
  ofAllRealms(body) {
    // Not in realms that no program runs in, such as that of V8's `gc` function (../collect.js): each query is a full
    // collection.
    return this.#query(body, "typeof process === 'object'");
  }

  close() {
    this.#session.disconnect();
  }

  #query(body, condition) {
    const answers = [];
    try {
      for (const contextId of this.#contexts()) {
        if (this.#evaluate(condition, contextId).value !== true) continue;
        const { objectId: prototypeObjectId } = this.#evaluate('Object.prototype', contextId);
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

  #evaluate(expression, contextId) {
    return this.#post('Runtime.evaluate', { expression, contextId, objectGroup: GROUP, silent: true }).result;
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
