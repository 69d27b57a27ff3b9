// Redis goes away and comes back while requests run: the first tier serves, and nothing hangs.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { beforeAll, describe, test } from 'vitest';
import {
  delay,
  first,
  firstTiers,
  freePort,
  libraries,
  second,
  startServer,
  until,
  warnWithoutRedis,
} from './two-tiers.mjs';

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

const hanging = () => delay(HANGS_MS).then(() => assert.fail('a request hangs'));

/** Milliseconds between requests, each of which is sent whether the ones before are answered or not. */
const EVERY_MS = 25;

/** Asks for a key that is known and for one that is new, over and over. */
class Requests {
  #answered = 0;
  #stopped = false;
  #open = new Set();
  #running;

  constructor(getOrMake) {
    this.#running = this.#run(getOrMake);
    this.#running.catch(() => {}); // seen by those who wait below
  }

  async #run(getOrMake) {
    const failures = [];
    for (let n = 0; !this.#stopped && failures.length === 0; n++) {
      const request = this.#ask(getOrMake, n).catch((error) => failures.push(error));
      this.#open.add(request);
      request.finally(() => this.#open.delete(request));
      await delay(EVERY_MS);
    }
    await Promise.all(this.#open);
    for (const failure of failures) throw failure;
  }

  async #ask(getOrMake, n) {
    const asked = [
      getOrMake('known', () => assert.fail('the first tier has it')),
      getOrMake(`new ${n}`, () => `made ${n}`),
    ];
    assert.deepEqual(await Promise.race([Promise.all(asked), hanging()]), ['value', `made ${n}`]);
    this.#answered++;
  }

  more(count) {
    const enough = this.#answered + count;
    return Promise.race([this.#running, until(() => this.#answered >= enough, 30_000)]);
  }

  stop() {
    this.#stopped = true;
    return this.#running;
  }
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
            const requests = new Requests(getOrMake);
            await requests.more(20);
            await away(server);
            // Longer than a request that hangs may take.
            await requests.more((1.5 * HANGS_MS) / EVERY_MS);
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
