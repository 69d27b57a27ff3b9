'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { temporary, queue, start, send, until, unpacked, serve } = require('../support/egress.js');

const REPORT = 'plimsoll-1-001.json';
const only = (map) => [...map.entries()][0];

test('a report is sent by PUT, compressed, with its length and the secret headers', async (t) => {
  const dir = temporary(t);
  const { url, received, env } = await serve(t, {});
  const jobs = queue(dir, [`${url}/evidence`], [{ file: REPORT, own: true }]);
  const { events, text } = await send(t, dir, [`${url}/evidence`], {
    env: { ...env, PLIMSOLL_SEND_HEADERS: 'Authorization: Bearer hidden-value' },
  });
  const [name, { body, headers }] = only(received);
  assert.match(name, /^\/evidence\/service\/host\/plimsoll-1-001\.json\.(gz|zst)$/);
  assert.equal(unpacked(body, name), `content of ${REPORT}`);
  assert.equal(headers.authorization, 'Bearer hidden-value');
  assert.equal(headers['content-length'], String(body.length));
  assert.deepEqual(
    events.map(({ event }) => event),
    ['arrived'],
  );
  assert.ok(!text.includes('hidden-value'));
  assert.deepEqual(jobs.list(), []);
  assert.ok(!fs.existsSync(path.join(dir, REPORT)), 'a file that was written for sending is removed');
});

test('a 503 is tried again', async (t) => {
  const dir = temporary(t);
  let refusals = 1;
  const { url, received, env } = await serve(t, { answer: () => (refusals-- > 0 ? 503 : 200) });
  queue(dir, [url], [{ file: REPORT }]);
  const { events } = await send(t, dir, [url], { env });
  assert.deepEqual(
    events.map(({ event, code }) => [event, code]),
    [
      ['retried', 'HTTP_503'],
      ['arrived', undefined],
    ],
  );
  assert.equal(received.size, 1);
});

test('wrong credentials fail at once, and the next process tries again', async (t) => {
  const dir = temporary(t);
  const { url, received, env } = await serve(t, {
    answer: ({ headers }) => (headers.authorization === 'right' ? 200 : 403),
  });
  const jobs = queue(dir, [url], [{ file: REPORT }]);
  const refused = await send(t, dir, [url], { env: { ...env, PLIMSOLL_SEND_HEADERS: 'Authorization: wrong' } });
  assert.deepEqual(
    refused.events.map(({ event, code }) => [event, code]),
    [['failed', 'HTTP_403']],
  );
  assert.ok(!refused.text.includes('wrong'));
  assert.equal(jobs.list().length, 1);
  const secret = path.join(dir, 'headers');
  fs.writeFileSync(secret, 'Authorization: right\n');
  await send(t, dir, [url], { env: { ...env, PLIMSOLL_SEND_HEADERS_FILE: secret } });
  assert.equal(received.size, 1);
});

test('a certificate of an unknown CA is refused, also with NODE_TLS_REJECT_UNAUTHORIZED=0', async (t) => {
  const dir = temporary(t);
  const { url, received } = await serve(t, {});
  const jobs = queue(dir, [url], [{ file: REPORT }]);
  const { events } = await send(t, dir, [url], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_EXTRA_CA_CERTS: '' } });
  assert.deepEqual(
    events.map(({ event }) => event),
    ['failed'],
  );
  assert.match(events[0].code, /UNABLE_TO|SELF_SIGNED/);
  assert.equal(received.size, 0);
  assert.equal(jobs.list().length, 1);
});

test('what a killed sender left is repeated by the next one', async (t) => {
  const dir = temporary(t);
  let begun = 0;
  const { url, received, env } = await serve(t, { early: () => ++begun === 1 });
  queue(dir, [url], [{ file: REPORT }, { file: 'Heap.1.heapprofile', kind: 'profile' }]);
  const first = start(t, dir, [url], { env });
  await until(() => begun === 1, 'the first request');
  first.child.kill('SIGKILL');
  await first.ended;
  await send(t, dir, [url], { env });
  assert.deepEqual(
    [...received.keys()].map((name) => name.replace(/\.(gz|zst)$/, '')),
    [`/service/host/${REPORT}`, '/service/host/Heap.1.heapprofile'],
  );
});

test('a presigned URL comes from a variable or a file, takes reports only, and is in no output', async (t) => {
  const dir = temporary(t);
  const { url, received, env } = await serve(t, {});
  const presigned = `${url}/bucket/key?X-Amz-Signature=hidden-value`;
  const given = ['https:env:UPLOAD_URL'];
  queue(dir, given, [{ file: REPORT }, { file: 'Heap.1.heapprofile', kind: 'profile' }]);
  const { text } = await send(t, dir, given, { env: { ...env, UPLOAD_URL: presigned } });
  assert.deepEqual([...received.keys()], ['/bucket/key?X-Amz-Signature=hidden-value']);
  assert.ok(!text.includes('hidden-value'));
  const secret = path.join(dir, 'url');
  fs.writeFileSync(secret, `${url}/{object}?sig=hidden-value\n`);
  queue(dir, [`https:file:${secret}`], [{ file: 'Heap.2.heapprofile', kind: 'profile' }]);
  await send(t, dir, [`https:file:${secret}`], { env });
  assert.match([...received.keys()][1], /^\/service\/host\/Heap\.2\.heapprofile\.(gz|zst)\?sig=hidden-value$/);
});
