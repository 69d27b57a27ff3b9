// What lru-cache's tests ask of their test runner, tap: it reports each assertion on a line of its own and goes on after a
// failure. Comparisons and the clock are those of tap.
import { createRequire } from 'node:module';
import path from 'node:path';
import { Clock } from 'clock-mock';
import { format, match, same, strict } from 'tcompare';
import * as subject from './subject.mjs';

const require = createRequire(import.meta.url);
const file = `test/${path.basename(process.env.LRU_CACHE_SNAPSHOTS, '.test.cjs')}`;
const write = process.stdout.write.bind(process.stdout);
const { setImmediate } = globalThis;
const clock = new Clock();

function snapshots() {
  try {
    return require(process.env.LRU_CACHE_SNAPSHOTS);
  } catch {
    return {};
  }
}
const recorded = snapshots();

const firstLine = (text) => String(text).split('\n').slice(0, 60).join(' | ');

/** Status objects name their cache from lru-cache 11.4 on; recordings of older versions do not. */
function withoutCache(found) {
  if (found instanceof Map) return new Map([...found].map(([key, value]) => [withoutCache(key), value]));
  if (Array.isArray(found)) return found.map(withoutCache);
  if (found?.op === undefined) return found;
  const { cache: _, ...rest } = found;
  return rest;
}

/**
 * What time it is depends on the tests that ran before. The time that is left stays, which depends on the cache. The names of
 * errors are shown or not as tap is set up.
 */
function normalized(text) {
  return text
    .replaceAll(/"(now|start)": ?\d+(\.\d+)?/g, '"$1": TIME')
    .replaceAll(/(Error: .*) \{\s+"name": "\w*Error",\s+\}/g, '$1');
}

class Test {
  context = undefined;
  clock = clock;
  #path;
  /** What runs before and after this test. */
  #beforeThis;
  #afterThis;
  /** Settled when the tests that were begun here are over. */
  #tests = Promise.resolve();
  #open = 0;
  /** What runs before and after each test that is begun here. */
  #before = [];
  #after = [];
  #teardowns = [];
  #end;
  #planned = Infinity;
  #made = 0;
  #snapshots = new Map();
  ended = new Promise((resolve) => {
    this.#end = resolve;
  });

  constructor(names, context, before, after) {
    this.#path = names;
    this.#beforeThis = before;
    this.#afterThis = after;
    this.context = context;
  }

  get name() {
    return this.#path.at(-1) ?? 'TAP';
  }

  get fullname() {
    return [file, 'TAP', ...this.#path].join(' > ');
  }

  #report(ok, message, why = '') {
    write(
      `${JSON.stringify({ name: [...this.#path, message].join(' > '), ok, why: ok ? undefined : firstLine(why) })}\n`,
    );
    if (++this.#made >= this.#planned) this.#end();
    return ok;
  }

  #compare({ match: ok, diff }, message) {
    return this.#report(ok, message, diff);
  }

  /** Begins at once where no other test runs, as tap does. */
  test(name, options, callback = options) {
    const child = new Test([...this.#path, name], this.context, [...this.#beforeThis, ...this.#before], this.#after);
    this.#open++;
    const run = () => child.run(callback);
    const over = this.#open === 1 ? run() : this.#tests.then(run);
    this.#tests = over.then(() => {
      this.#open--;
      if (++this.#made >= this.#planned) this.#end();
    });
    return this.#tests;
  }

  async run(callback) {
    try {
      for (const each of this.#beforeThis) await each(this);
      const result = callback(this);
      if (typeof result?.then === 'function') await result;
      else await this.ended;
      await this.#settled();
    } catch (error) {
      this.#report(false, 'does not throw', error?.stack ?? error);
    }
    await this.finish();
    for (const each of this.#afterThis) await each(this);
  }

  async #settled() {
    for (let tests = null; tests !== this.#tests;) {
      tests = this.#tests;
      await tests;
    }
  }

  async finish() {
    await this.#settled();
    for (const each of this.#teardowns.toReversed()) await each();
  }

  beforeEach(callback) {
    this.#before.push(callback);
  }

  afterEach(callback) {
    this.#after.push(callback);
  }

  teardown(callback) {
    this.#teardowns.push(callback);
  }

  plan(count) {
    this.#planned = count;
    if (this.#made >= count) this.#end();
  }

  end() {
    this.#end();
  }

  pass(message = 'pass') {
    return this.#report(true, message);
  }

  fail(message = 'fail') {
    return this.#report(false, message);
  }

  ok(value, message = 'expect truthy value') {
    return this.#report(Boolean(value), message, format(value));
  }

  equal(found, wanted, message = 'should be equal') {
    return this.#report(Object.is(found, wanted), message, `${format(found)} is not ${format(wanted)}`);
  }

  not(found, unwanted, message = 'should not be equal') {
    return this.#report(!Object.is(found, unwanted), message);
  }

  same(found, wanted, message = 'should be equivalent') {
    return this.#compare(same(found, wanted), message);
  }

  strictSame(found, wanted, message = 'should be equivalent strictly') {
    return this.#compare(strict(found, wanted), message);
  }

  match(found, pattern, message = 'should match pattern provided') {
    return this.#compare(match(found, pattern), message);
  }

  type(value, type, message = `type is ${type?.name ?? type}`) {
    const ok = typeof type === 'function' ? value instanceof type : typeof value === type;
    return this.#report(ok, message);
  }

  #thrown(error, pattern, message) {
    if (pattern === undefined || typeof pattern === 'string')
      return this.#report(true, typeof pattern === 'string' ? pattern : message);
    const wanted = pattern instanceof Error ? { name: pattern.name, message: pattern.message } : pattern;
    if (typeof wanted === 'function') return this.#report(error instanceof wanted, message, String(error));
    return this.#compare(match(error, wanted), message);
  }

  throws(callback, pattern = undefined, message = 'expected to throw') {
    try {
      callback();
    } catch (error) {
      return this.#thrown(error, pattern, message);
    }
    return this.#report(false, message, 'it does not throw');
  }

  doesNotThrow(callback, message = 'expected to not throw') {
    try {
      callback();
    } catch (error) {
      return this.#report(false, message, error);
    }
    return this.#report(true, message);
  }

  async rejects(promise, pattern = undefined, message = 'expect rejected Promise') {
    try {
      await (typeof promise === 'function' ? promise() : promise);
    } catch (error) {
      return this.#thrown(error, pattern, message);
    }
    return this.#report(false, message, 'it is resolved');
  }

  matchSnapshot(found, message = 'must match snapshot') {
    const count = (this.#snapshots.get(message) ?? 0) + 1;
    this.#snapshots.set(message, count);
    const wanted = recorded[`${this.fullname} > ${message} ${count}`];
    const shown = wanted?.includes('"cache": ') ? found : withoutCache(found);
    const text = typeof found === 'string' ? found : format(shown, { sort: true });
    if (wanted === undefined) return this.#report(false, message, 'there is no snapshot of this name');
    return this.#compare(strict(normalized(text), normalized(wanted.slice(1, -1))), message);
  }

  intercept(object, property, descriptor) {
    const former = Object.getOwnPropertyDescriptor(object, property);
    Object.defineProperty(object, property, { configurable: true, ...descriptor });
    this.teardown(() => Object.defineProperty(object, property, former));
  }

  async mockImport() {
    return subject;
  }

  mockRequire() {
    return subject;
  }
}

const root = new Test([], undefined, [], []);
const { finish } = root;
root.t = root;
process.once('beforeExit', async () => {
  await finish.call(root);
  write('{"ended":true}\n');
});
setImmediate(() => {});
export default root;
