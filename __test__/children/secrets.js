'use strict';
// A program full of secrets: each holds process.env.MARK, wherever data can hide in a heap. Takes a snapshot with the options in
// argv[2] (JSON) and prints its path.

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const vm = require('node:vm');
const { takeSnapshot } = require('../../index.js');

const { MARK } = process.env;
const options = JSON.parse(process.argv[2]);
let count = 0;
/** Another secret; an identifier by its form unless `around` says otherwise. */
const secret = (around = '$') => around.replaceAll('$', `${MARK}_${count++}`);

class Account {
  #pin;
  constructor(name) {
    this.accountName = name;
    this.#pin = secret();
  }

  check(pin) {
    return pin === this.#pin;
  }
}

const planted = {
  string: secret('my password is $'),
  escaped: secret('"$"\n\\$\u2028\u{1f600}$'),
  foreign: [...MARK].map((letter) => String.fromCodePoint(letter.codePointAt(0) + 0x400)).join(''),
  concatenated: secret('a long enough head of a rope, $') + secret(' and a long enough tail of it, $'),
  sliced: secret('$ is cut out of a longer string, which it keeps alive').slice(0, MARK.length + 2),
  template: `Bearer ${secret()}`,
  long: secret('$ ').repeat(200),
  number: Number.parseInt(MARK.slice(1), 16),
  bigint: BigInt(`0x${MARK.slice(1)}`),
  regexp: new RegExp(secret()),
  symbol: Symbol(secret()),
  registered: Symbol.for(secret()),
  keyedBySymbol: { [Symbol(secret())]: {} },
  map: new Map([[secret(), { value: secret() }]]),
  set: new Set([secret()]),
  weakMap: new WeakMap(),
  dictionary: Object.fromEntries(Array.from({ length: 2000 }, () => [secret(), {}])),
  smallDictionary: { [secret()]: {}, [secret('$@example.com')]: {} },
  nullPrototype: Object.assign(Object.create(null), { [secret()]: secret() }),
  accessor: Object.defineProperty({}, secret(), { get: () => 1, enumerable: true }),
  sparse: Object.assign([], { [123_456_789]: {} }),
  buffer: Buffer.from(secret('$ in a buffer')),
  latin1: Buffer.from(secret('$ in a view')).toString('latin1'),
  error: new Error(secret('login failed for $'), { cause: secret() }),
  tagged: { [Symbol.toStringTag]: secret() },
  functionNamed: { [secret()]() {} },
  renamed: Object.defineProperty(() => {}, 'name', { value: secret() }),
  bound: fs.existsSync.bind(null, secret()),
  generator: (function* hold(held) {
    yield held;
  })(secret()),
  promise: Promise.resolve(secret()),
  proxy: new Proxy({ [secret()]: secret() }, {}),
  url: new URL(secret('https://user:$@example.com/$?token=$#$')),
  date: new Date(secret()),
  array: Object.assign([secret()], { [secret()]: 1 }),
  typed: Object.assign(new Uint8Array(8), { [secret()]: {} }),
  json: JSON.parse(secret('{"$": {"$": "$"}}')),
  store: new AsyncLocalStorage(),
  emitter: new EventEmitter(),
  agent: new http.Agent(),
  accounts: Array.from({ length: 200 }, () => new Account(secret())),
};

planted.weakMap.set(planted.map, secret('a weakly held ) -> value ($ @1) pair in WeakMap (table @2)'));
planted.weakMap.set(planted.tagged, planted.tagged);
planted.emitter.on(secret(), () => {});
planted.emitter.on(secret('$:event'), function handle() {});
planted.agent.sockets[secret('$.example.com:443:')] = [];
process.env[secret()] = secret();
process.title = MARK;
globalThis[secret()] = { [secret()]: {} };

/** A closure's variables, one in a loop that never ends its turn. */
function close() {
  const token = secret();
  return () => token;
}
planted.closure = close();
planted.timer = setTimeout(() => {}, 1e6, secret()).unref();

try {
  assert.ok(null[secret()]);
} catch (error) {
  planted.thrown = error;
  planted.stack = error.stack;
}

/** Sources: their text, literals, comments, and scripts that are named by data. */
planted.script = vm.runInThisContext(`(function fromSource() { /* ${secret()} */ return { text: '${secret()}', '${secret('$-key')}': 1, re: /${secret()}/ }; })`, { filename: secret('$.vm') });
planted.fromSource = planted.script();
planted.compiled = new Function('a', `return a + '${secret()}'; // ${secret()}`);
planted.compiled('');

async function main() {
  const file = path.join(options.dir, 'module.mjs');
  fs.writeFileSync(file, `export const ledger = new Map([['${secret()}', {}]]); // ${secret()}\n`);
  planted.module = await import(`${pathToFileURL(file)}?token=${secret()}`);
  planted.data = await import(`data:text/javascript,export const held = '${secret()}'`);
  planted.file = fs.readFileSync(file, 'utf8');
  planted.store.enterWith({ user: secret() });
  globalThis.plantedSecrets = planted;
  const { path: taken } = await takeSnapshot({ cooldown: 0, nice: 0, ...options });
  process.stdout.write(taken);
}

void main();
