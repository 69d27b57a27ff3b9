// Two processes with a first tier each: what one changes the other does not go on serving.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { firstTiers, freePort, libraries, startServer, until, warnWithoutRedis } from './two-tiers.mjs';

let port, server;
beforeAll(async () => {
  port = await freePort();
  server = await startServer(port);
  if (server === null) warnWithoutRedis();
});
afterAll(() => server?.kill());

async function startInstance(...args) {
  const child = fork(fileURLToPath(new URL('instance.mjs', import.meta.url)), args.map(String));
  const answer = async () => (await once(child, 'message'))[0].result;
  await answer();
  const ask =
    (command) =>
    (...values) => {
      child.send({ command, args: values });
      return answer();
    };
  return { child, read: ask('read'), set: ask('set'), del: ask('del'), inFirst: ask('inFirst') };
}

const serves = async (instance, value) =>
  (await instance.read('key')) === value && (await instance.inFirst('key')) === value;

for (const library of Object.keys(libraries)) {
  for (const tier of Object.keys(firstTiers)) {
    describe(`${library} over ${tier}, two processes`, () => {
      test('what one sets or deletes goes from the first tier of the other', { timeout: 60_000 }, async (t) => {
        if (server === null) t.skip();
        const namespace = `${library} ${tier}`;
        const [a, b] = await Promise.all([
          startInstance(library, tier, port, namespace),
          startInstance(library, tier, port, namespace),
        ]);
        try {
          await a.set('key', 'old');
          await until(() => serves(b, 'old'));
          await a.set('key', 'new');
          await until(() => serves(b, 'new'));
          await b.del('key');
          await until(async () => (await a.inFirst('key')) === undefined);
          assert.equal(await a.read('key'), 'made again', 'neither tier has it');
        } finally {
          a.child.kill();
          b.child.kill();
        }
      });
    });
  }
}
