'use strict';
// Caches side by side: ours, the peers and a bare Map.
//
//   npm install --prefix bench/cache
//   node bench/cache [--headline] [--operations hit,miss] [--sizes 1000,100000] [--keys string,flat,integer]
//                    [--ttl 3600000] [--subjects a,b] [--rounds 15] [--processes 1] [--memory] [--nodes 20,22,24,26]
//
// The headline is the mix that services have: hits of string keys drawn by Zipf's law, a ttl on every tenth entry
// where the library can, with keys that the caller keeps ("mix kept") and keys built for each look-up ("mix built").
// Without options the single operations follow it.
//
// Each library runs in a process of its own; rounds are interleaved. A cell is lru-cache's time divided by the
// subject's, the median of the rounds' ratios with its 95 % interval (order statistics): above 1
// is faster than lru-cache. The last column is our time divided by a bare Map's.
//
// The rounds are divided among so many processes of each library. At 100,000 entries, where a process has its memory
// decides more than the library does: one that is slow stays slow in all of its rounds. There, use nine or more.

const path = require('node:path');
const { parseArgs } = require('node:util');
const { nodeOf } = require('../../__test__/support/nodes.js');
const { start, median, ratios } = require('./rounds.js');

const { values: options } = parseArgs({
  options: {
    headline: { type: 'boolean', default: false },
    operations: { type: 'string' },
    sizes: { type: 'string' },
    keys: { type: 'string' },
    ttl: { type: 'string' },
    subjects: { type: 'string' },
    rounds: { type: 'string', default: '15' },
    processes: { type: 'string', default: '1' },
    memory: { type: 'boolean', default: false },
    nodes: { type: 'string' },
  },
});
/** What is measured unless options say otherwise: the headline, then single operations. */
const HEADLINE = {
  operations: 'mix kept,mix built',
  sizes: '1000,10000,100000,1000000',
  keys: 'string',
  subjects: 'plimsoll,plimsoll lru,Map + check,lru-cache,quick-lru,tiny-lru,flru,node-cache',
};
const SINGLE = {
  operations: 'hit,hit equal,hit fresh,hit built,miss,miss built,set existing,set new,delete,zipf',
  sizes: '1000,100000,1000000',
  keys: 'string,integer',
  subjects: 'plimsoll,plimsoll lru,Map,lru-cache,quick-lru,mnemonist,tiny-lru,lru.min,flru,ttlcache',
};
const SUBJECT = path.join(__dirname, 'subject.js');
const BASE = 'lru-cache';
const NO_TTL = new Set(['Map', 'mnemonist', 'lru.min', 'flru']);
const NO_DELETE = new Set(['flru']);
const ttl = options.ttl === undefined ? undefined : Number(options.ttl);
const EVICTS = new Set(['set new', 'zipf']);
const NONE = new Set();
/** Without a ttl its evictions take minutes a round. */
const NO_EVICTION = new Set(ttl === undefined ? ['ttlcache'] : []);

/** The tables to print: both, or what options ask for. */
function tables() {
  const { operations, sizes, keys, subjects } = options;
  const given = Object.fromEntries(
    Object.entries({ operations, sizes, keys, subjects }).filter(([, value]) => value !== undefined),
  );
  if (options.headline) return [{ ...HEADLINE, ...given }];
  return Object.keys(given).length > 0 || options.memory || ttl !== undefined
    ? [{ ...SINGLE, ...given }]
    : [HEADLINE, SINGLE];
}

const withTtl = (names) => names.split(',').filter((name) => ttl === undefined || !NO_TTL.has(name));

/** What runs the subjects, by the major version: this Node unless others are named. */
const nodes =
  options.nodes === undefined
    ? [[process.versions.node.split('.')[0], process.execPath]]
    : options.nodes.split(',').map((version) => [version, nodeOf(version)]);

async function measure(subjects, cell, execPath) {
  const lacks = cell.operation === 'delete' ? NO_DELETE : EVICTS.has(cell.operation) ? NO_EVICTION : NONE;
  const names = subjects.filter((name) => !lacks.has(name));
  const times = new Map(names.map((name) => [name, []]));
  const processes = Number(options.processes);
  for (let number = 0; number < processes; number++)
    await measureOnce(names, cell, execPath, times, Math.ceil(Number(options.rounds) / processes));
  return times;
}

/** Adds the times of one process of each library. */
async function measureOnce(names, cell, execPath, times, rounds) {
  const running = [];
  for (const name of names) running.push(await start(SUBJECT, name, execPath));
  try {
    for (const subject of running) {
      const proof = await subject.ask('prepare', cell);
      if (!proof.found || !proof.bounded)
        throw new Error(`${subject.name} does not do what is timed: ${JSON.stringify({ ...cell, ...proof })}`);
      for (let warm = 0; warm < 2; warm++) await subject.ask('round');
    }
    for (let round = 0; round < rounds; round++) {
      for (const subject of running) times.get(subject.name).push(await subject.ask('round'));
    }
  } finally {
    for (const subject of running) subject.end();
  }
}

async function main() {
  console.log(`${BASE}'s time / the subject's${ttl === undefined ? '' : `; ttl ${ttl}`}`);
  for (const table of tables()) await (options.memory ? printMemory(table) : printTimes(table));
}

async function printTimes({ operations, sizes, keys: kinds, subjects: names }) {
  const subjects = withTtl(names);
  const head = subjects.filter((name) => name !== BASE).map((name) => name.padStart(17));
  for (const keys of kinds.split(',')) {
    for (const size of sizes.split(',').map(Number)) {
      console.log(`\n${keys} keys, ${size} entries\nNode              ${head.join('')}   ours/Map`);
      for (const operation of operations.split(','))
        for (const [version, execPath] of nodes)
          printRow(subjects, version, operation, await measure(subjects, { operation, size, keys, ttl }, execPath));
    }
  }
}

function printRow(subjects, version, operation, times) {
  const cells = subjects
    .filter((name) => name !== BASE)
    .map((name) => {
      if (!times.has(name)) return '-';
      const { middle, low, high } = median(ratios(times.get(BASE), times.get(name)));
      return `${middle.toFixed(2)} ${low.toFixed(2)}-${high.toFixed(2)}`;
    });
  const floor =
    times.has('Map') && times.has('plimsoll')
      ? median(ratios(times.get('plimsoll'), times.get('Map'))).middle.toFixed(2)
      : '';
  console.log(
    `${version.padEnd(4)}${operation.padEnd(14)}${cells.map((each) => each.padStart(17)).join('')}${floor.padStart(11)}`,
  );
}

async function printMemory({ keys: kinds, subjects: names }) {
  for (const [version, execPath] of nodes)
    for (const keys of kinds.split(',')) await compareMemory(version, execPath, keys, withTtl(names));
}

async function compareMemory(version, execPath, keys, subjects) {
  console.log(
    `\nNode ${version}, ${keys} keys, 1000000 entries: bytes an entry (key and value excluded); full collection relative to ${BASE}'s`,
  );
  const rows = [];
  for (const name of subjects) {
    const subject = await start(SUBJECT, name, execPath);
    rows.push({ name, ...(await subject.ask('memory', { size: 1_000_000, keys, ttl })) });
    subject.end();
  }
  const base = rows.find(({ name }) => name === BASE);
  for (const { name, bytes, collection } of rows) {
    const relative = base === undefined ? '' : (collection / base.collection).toFixed(2);
    console.log(`${name.padEnd(14)}${bytes.toFixed(1).padStart(8)}${relative.padStart(8)}`);
  }
}

void main();
