'use strict';
// Caches side by side: ours, the peers and a bare Map.
//
//   npm install --prefix bench/cache
//   node bench/cache [--operations hit,miss] [--sizes 1000,100000] [--keys string,flat,integer] [--ttl 3600000]
//                    [--subjects a,b] [--rounds 15] [--memory] [--nodes 20,22,24,26]
//
// Each library runs in a process of its own; rounds are interleaved. A cell is lru-cache's time divided by the
// subject's, the median of the rounds' ratios with its 95 % interval (order statistics): above 1
// is faster than lru-cache. The last column is our time divided by a bare Map's.

const path = require('node:path');
const { parseArgs } = require('node:util');
const { nodeOf } = require('../../__test__/support/nodes.js');
const { start, median, ratios } = require('./rounds.js');

const { values: options } = parseArgs({
  options: {
    operations: { type: 'string', default: 'hit,hit equal,hit fresh,hit built,miss,set existing,set new,delete,zipf' },
    sizes: { type: 'string', default: '1000,100000,1000000' },
    keys: { type: 'string', default: 'string,integer' },
    ttl: { type: 'string' },
    subjects: {
      type: 'string',
      default: 'plimsoll,plimsoll lru,Map,lru-cache,quick-lru,mnemonist,tiny-lru,lru.min,flru,ttlcache',
    },
    rounds: { type: 'string', default: '15' },
    memory: { type: 'boolean', default: false },
    nodes: { type: 'string' },
  },
});
const SUBJECT = path.join(__dirname, 'subject.js');
const BASE = 'lru-cache';
const NO_TTL = new Set(['Map', 'mnemonist', 'lru.min', 'flru']);
const NO_DELETE = new Set(['flru']);
const ttl = options.ttl === undefined ? undefined : Number(options.ttl);
const EVICTS = new Set(['set new', 'zipf']);
const NONE = new Set();
/** Without a ttl its evictions take minutes a round. */
const NO_EVICTION = new Set(ttl === undefined ? ['ttlcache'] : []);
const subjects = options.subjects.split(',').filter((name) => ttl === undefined || !NO_TTL.has(name));

/** What runs the subjects, by the major version: this Node unless others are named. */
const nodes =
  options.nodes === undefined
    ? [[process.versions.node.split('.')[0], process.execPath]]
    : options.nodes.split(',').map((version) => [version, nodeOf(version)]);

async function measure(cell, execPath) {
  const lacks = cell.operation === 'delete' ? NO_DELETE : EVICTS.has(cell.operation) ? NO_EVICTION : NONE;
  const names = subjects.filter((name) => !lacks.has(name));
  const running = [];
  for (const name of names) running.push(await start(SUBJECT, name, execPath));
  const times = new Map(names.map((name) => [name, []]));
  try {
    for (const subject of running) {
      const proof = await subject.ask('prepare', cell);
      if (!proof.found || !proof.bounded)
        throw new Error(`${subject.name} does not do what is timed: ${JSON.stringify({ ...cell, ...proof })}`);
      for (let warm = 0; warm < 2; warm++) await subject.ask('round');
    }
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const subject of running) times.get(subject.name).push(await subject.ask('round'));
    }
  } finally {
    for (const subject of running) subject.end();
  }
  return times;
}

async function main() {
  console.log(`${BASE}'s time / the subject's${ttl === undefined ? '' : `; ttl ${ttl}`}`);
  if (options.memory) {
    for (const [version, execPath] of nodes) await compareMemory(version, execPath);
    return;
  }
  for (const keys of options.keys.split(',')) {
    for (const size of options.sizes.split(',').map(Number)) {
      console.log(`\n${keys} keys, ${size} entries`);
      console.log(
        `Node              ${subjects
          .filter((name) => name !== BASE)
          .map((name) => name.padStart(17))
          .join('')}   ours/Map`,
      );
      for (const operation of options.operations.split(',')) {
        for (const [version, execPath] of nodes)
          printRow(version, operation, await measure({ operation, size, keys, ttl }, execPath));
      }
    }
  }
}

function printRow(version, operation, times) {
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

async function compareMemory(version, execPath) {
  for (const keys of options.keys.split(',')) {
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
      console.log(
        `${name.padEnd(14)}${bytes.toFixed(1).padStart(8)}${(base === undefined ? '' : (collection / base.collection).toFixed(2)).padStart(8)}`,
      );
    }
  }
}

void main();
