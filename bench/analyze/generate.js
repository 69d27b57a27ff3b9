'use strict';
// Writes heap snapshots of a program that works and leaks: Maps, arrays, closures, strings, buffers, WeakMaps, promises.
//
//   node --max-old-space-size=8000 bench/analyze/generate.js DIR MB [COUNT]
//
// COUNT snapshots (one unless given) of about MB megabytes each, A.heapsnapshot and so on; the leak grows in between.
const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');

const [, , dir, wanted, count = '1'] = process.argv;
/** Bytes of a snapshot's text, about: of Node alone, and of one order. */
const NODE = 4.5e6;
const EACH = 2500;

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

const total = Math.round(Math.max(Number(wanted) * 1e6 - NODE, EACH) / EACH);
let next = 0;
for (let at = 0; at < Number(count); at++) {
  const until = Math.round(total * (1 - 0.03 * (Number(count) - 1 - at)));
  while (next < until) place(next++);
  const file = path.join(dir, `${String.fromCharCode(65 + at)}.heapsnapshot`);
  v8.writeHeapSnapshot(file);
  process.stdout.write(`${file} ${(fs.statSync(file).size / 1e6).toFixed(0)} MB, ${total} orders\n`);
}
