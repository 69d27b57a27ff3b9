'use strict';
// Writes heap snapshots of a program that works and leaks: Maps, arrays, closures, strings, buffers, WeakMaps, promises.
//
//   node --max-old-space-size=8000 bench/analyze/generate.js [--service] DIR MB [COUNT]
//
// COUNT snapshots (one unless given) of about MB megabytes each, A.heapsnapshot and so on; the leak grows in between.
// --service: of the Express + ws service in __test__/devtools (npm ci --prefix __test__/devtools), whose sessions hold the requests
// that they came with. It has half as many references to an object again as the program here, which holds plain data.
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const v8 = require('node:v8');

const { values, positionals } = parseArgs({ options: { service: { type: 'boolean' } }, allowPositionals: true });
const [dir, wanted, count = '1'] = positionals;
/** Bytes of a snapshot's text, about: before the first order or login, and of each. */
const { base, each } = values.service ? { base: 11.7e6, each: 12_090 } : { base: 4.5e6, each: 2500 };

const orders = new Map();
const byCustomer = {};
const listeners = [];
const notes = new WeakMap();
const waiting = new Promise(() => {});

class Line {
  constructor(i, n) {
    this.sku = `sku-${(i * 31 + n) % 5000}`;
    this.price = n * 1.25;
    this.tags = [`tag ${n}`, i % 7 === 0 ? `rare ${i}` : 'common'];
  }
}

class Order {
  constructor(i) {
    this.id = i;
    this.customer = `customer ${i % 20_000}`;
    this.lines = Array.from({ length: 4 }, (_, n) => new Line(i, n));
    this.at = new Date(i);
    this.onChange = () => this.lines.length + i;
    if (i % 10 === 0) notes.set(this, { text: `note on ${i}`, of: this });
    if (i % 50 === 0) this.scan = Buffer.alloc(256, i);
  }
}

function place(i) {
  const order = new Order(i);
  orders.set(`order ${i}`, order);
  (byCustomer[order.customer] ??= []).push(order);
  listeners.push(order.onChange);
  if (i % 100 === 0) void waiting.then(() => order);
}

const total = Math.round(Math.max(Number(wanted) * 1e6 - base, each) / each);
const stops = Array.from({ length: Number(count) }, (_, at) => ({
  file: path.join(dir, `${String.fromCharCode(65 + at)}.heapsnapshot`),
  until: Math.round(total * (1 - 0.03 * (Number(count) - 1 - at))),
}));

fs.mkdirSync(dir, { recursive: true });
if (values.service) {
  const service = path.join(__dirname, '../../__test__/devtools/service.js');
  const given = stops.flatMap(({ file, until }) => [file, String(until)]);
  const { status } = spawnSync(process.execPath, [...process.execArgv, service, ...given], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
} else {
  let next = 0;
  for (const { file, until } of stops) {
    while (next < until) place(next++);
    v8.writeHeapSnapshot(file);
  }
}
for (const { file, until } of stops) {
  process.stdout.write(
    `${file} ${(fs.statSync(file).size / 1e6).toFixed(0)} MB, ${until} ${values.service ? 'logins' : 'orders'}\n`,
  );
}
