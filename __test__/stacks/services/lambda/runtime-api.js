'use strict';
// The runtime API of AWS Lambda for one process, its parent, which it freezes in turn. POST /invoke is an invocation.

const http = require('node:http');

const AWAKE_MS = Number(process.env.AWAKE_MS ?? 25_000);
const FROZEN_MS = Number(process.env.FROZEN_MS ?? 15_000);
const NEXT = '/2018-06-01/runtime/invocation/next';
const ANSWER = /^\/2018-06-01\/runtime\/invocation\/(\d+)\/(response|error)$/;

const waiting = [];
const running = new Map();
let poll;
let invocations = 0;
let isFrozen = false;

function give() {
  if (poll === undefined || waiting.length === 0) return;
  const { event, response } = waiting.shift();
  const id = String(++invocations);
  running.set(id, response);
  poll.writeHead(200, {
    'content-type': 'application/json',
    'lambda-runtime-aws-request-id': id,
    'lambda-runtime-deadline-ms': String(Date.now() + 60_000),
    'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:local:0:function:orders',
  });
  poll.end(event);
  poll = undefined;
}

async function bodyOf(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

const server = http.createServer(async (request, response) => {
  if (request.url === NEXT) {
    poll = response;
    return give();
  }
  const body = await bodyOf(request);
  const [, id, kind] = ANSWER.exec(request.url) ?? [];
  if (id !== undefined) {
    running
      .get(id)
      .writeHead(kind === 'response' ? 200 : 500)
      .end(body);
    running.delete(id);
    return response.writeHead(202).end();
  }
  if (isFrozen) return response.writeHead(503).end();
  waiting.push({ event: body, response });
  return give();
});
server.keepAliveTimeout = 600_000;

/** Freezes the process when it has answered what it was given. */
function freeze() {
  isFrozen = true;
  if (running.size + waiting.length > 0) return setTimeout(freeze, 10);
  process.kill(process.ppid, 'SIGSTOP');
  return setTimeout(thaw, FROZEN_MS);
}

function thaw() {
  process.kill(process.ppid, 'SIGCONT');
  isFrozen = false;
  setTimeout(freeze, AWAKE_MS);
}

process.stdin.resume().on('end', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`port ${server.address().port}\n`);
  setTimeout(freeze, AWAKE_MS);
});
