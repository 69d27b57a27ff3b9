'use strict';
// What another thread's caller of SharedCache.getOrCompute sees of an error.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const path = require('node:path');
const { SharedCache } = require('../..');
const { decodeError, encodeError } = require('../../lib/cache/shared-errors.js');

const arrives = (error) => decodeError(encodeError(error));

test('own enumerable properties that can be cloned arrive with the error', () => {
  class Refused extends Error {
    constructor(message, fields) {
      super(message);
      this.name = 'Refused';
      Object.assign(this, fields);
      Object.defineProperty(this, 'hidden', { value: 1 });
    }
  }
  const fields = {
    code: 'ENOENT',
    status: 404,
    at: new Date(0),
    seen: new Map([['a', [1]]]),
    none: undefined,
    body: Buffer.from('text'),
    ['__proto__']: 'own',
  };
  const there = arrives(new Refused('gone', { ...fields, retry() {}, request: { socket: Symbol('socket') } }));
  assert.ok(there instanceof Error);
  assert.deepEqual([there.name, there.message], ['Refused', 'gone']);
  assert.match(there.stack, /shared-errors\.test/);
  for (const key of ['code', 'status', 'at', 'seen', 'none']) assert.deepEqual(there[key], fields[key]);
  assert.equal(String(Buffer.from(there.body)), 'text');
  assert.deepEqual(Object.keys(there).toSorted(), ['at', 'body', 'code', 'name', 'none', 'seen', 'status'].toSorted());
});

test('the properties of causes arrive with them', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', port: 80 });
  const there = arrives(
    Object.assign(new TypeError('fetch failed', { cause: new Error('middle', { cause: refused }) }), { status: 502 }),
  );
  assert.equal(there.status, 502);
  // V8 clones causes from Node 22 on.
  if (there.cause !== undefined) {
    assert.deepEqual(
      [there.cause.message, there.cause.cause.code, there.cause.cause.port],
      ['middle', 'ECONNREFUSED', 80],
    );
  }
});

test('an error that cannot be cloned arrives as its text with its properties', () => {
  const own = Object.assign(new RangeError('its own cause'), { code: 'E_OWN' });
  own.cause = own;
  const there = arrives(own);
  assert.match(there.message, /its own cause/);
  assert.equal(there.code, 'E_OWN');
  const thrown = arrives({ code: 'E_FUNCTION', retry() {}, toString: () => 'thrown' });
  assert.deepEqual([thrown.message, thrown.code, thrown.retry], ['thrown', 'E_FUNCTION', undefined]);
});

test('what hinders reading does not keep the error back', () => {
  const broken = Object.assign(new Error('broken'), { code: 'E' });
  Object.defineProperty(broken, 'bad', { enumerable: true, get: () => assert.fail('read') });
  Object.assign(broken, { after: 1, large: 'x'.repeat(1 << 20) });
  const there = arrives(broken);
  assert.deepEqual(
    [there.message, there.code, there.after, 'bad' in there, 'large' in there],
    ['broken', 'E', 1, false, false],
  );
  const { proxy, revoke } = Proxy.revocable(new Error('revoked'), {});
  revoke();
  assert.ok(arrives(proxy) instanceof Error);
});

test('what is thrown and is no error arrives as it is', () => {
  for (const thrown of ['text', 7, null, undefined, { code: 'E', list: [1] }, ['a'], new Map([[1, 2]])])
    assert.deepEqual(arrives(thrown), thrown);
});

test('between threads', async () => {
  const name = `errors ${process.pid}`;
  const script = `
    const { parentPort } = require('node:worker_threads');
    const { SharedCache } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    let fail;
    new SharedCache(${JSON.stringify(name)}, { maxBytes: 100_000 })
      .getOrCompute('key', () => new Promise((_, reject) => (fail = reject)))
      .catch(() => {});
    parentPort.postMessage('computes');
    parentPort.once('message', () => fail(Object.assign(new Error('gone'), { code: 'ENOENT', status: 404 })));`;
  const worker = new Worker(script, { eval: true });
  await once(worker, 'message');
  const asked = new SharedCache(name, { maxBytes: 100_000 }).getOrCompute('key', () => 'mine');
  worker.postMessage('fail');
  await assert.rejects(asked, ({ code, cause }) => {
    assert.deepEqual([code, cause.message, cause.code, cause.status], ['ERR_PLIMSOLL_COMPUTE', 'gone', 'ENOENT', 404]);
    return true;
  });
});
