// Redis goes away and comes back while requests run: the first tier serves, and nothing hangs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeAll, describe, test } from 'vitest';
import { delay, first, firstTiers, freePort, libraries, second, startServer, until, warnWithoutRedis } from './two-tiers.mjs';

/** A request that takes longer hangs. */
const HANGS_MS = 5000;

const outages = {
  'is killed': {
    away: async (server) => {
      server.kill('SIGKILL');
      await once(server, 'exit');
    },
    back: (server, port) => startServer(port),
  },
  'stands still': {
    away: async (server) => server.kill('SIGSTOP'),
    back: async (server) => {
      server.kill('SIGCONT');
      return server;
    },
  },
};

let here = true;
beforeAll(async () => {
  const server = await startServer(await freePort());
  here = server !== null;
  if (here) server.kill();
  else warnWithoutRedis();
});

/** Asks for a key that is known and for one that is new, over and over. */
function startRequests(getOrMake) {
  const requests = { answered: 0, stop: () => {}, ended: null };
  let stopped = false;
  requests.stop = () => {
    stopped = true;
    return requests.ended;
  };
  const within = (promise) => Promise.race([promise, delay(HANGS_MS).then(() => assert.fail('a request hangs'))]);
  requests.ended = (async () => {
    for (let n = 0; !stopped; n++, await delay(1)) {
      const asked = [getOrMake('known', () => assert.fail('the first tier has it')), getOrMake(`new ${n}`, () => `made ${n}`)];
      assert.deepEqual(await within(Promise.all(asked)), ['value', `made ${n}`]);
      requests.answered++;
    }
  })();
  requests.ended.catch(() => {}); // looked at by stop
  requests.more = (count) => {
    const enough = requests.answered + count;
    return Promise.race([requests.ended, until(() => requests.answered >= enough, 30_000)]);
  };
  return requests;
}

for (const [tier, make] of Object.entries(firstTiers)) {
  for (const [library, open] of Object.entries(libraries)) {
    describe(`${library} over ${tier} and Redis`, () => {
      for (const [how, { away, back }] of Object.entries(outages)) {
        test(`Redis ${how}`, { timeout: 60_000 }, async (t) => {
          if (!here) t.skip();
          const port = await freePort();
          let server = await startServer(port);
          const secondary = second(port);
          const { set, getOrMake, end } = open(first(make()), secondary);
          try {
            await set('known', 'value');
            assert.equal(await secondary.get('known'), 'value');
            const requests = startRequests(getOrMake);
            await requests.more(20);
            await away(server);
            await requests.more(20);
            server = await back(server, port);
            await until(async () => {
              await set('afterwards', 'again');
              return (await secondary.get('afterwards')) === 'again';
            });
            await requests.more(20);
            await requests.stop();
          } finally {
            await end();
            server.kill('SIGKILL');
          }
        });
      }
    });
  }
}
