'use strict';
// CPU time of the sampler's thread, as a share of a core: `node bench/detect/sampler.js [--seconds 60]`, with the defaults
// (an interval of 1 s) in an idle process, in one that allocates, in one with an unused ttl cache and in one that uses it
// (for whose sake the time is written each 50 ms), and in one with a leak and 200 bounded caches.
// From /proc/PID/task/TID/schedstat: nanoseconds on a processor.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { setTimeout: delay } = require('node:timers/promises');

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } });
const INDEX = JSON.stringify(path.join(__dirname, '../../index.js'));
const SETTLE = 10_000; // ms

const PROGRAMS = {
  idle: 'setInterval(() => {}, 1000);',
  allocating: 'setInterval(() => { for (let i = 0; i < 20_000; i++) JSON.parse("[1,2,3]"); }, 50);',
  'ttl cache': `
    const { BoundedMap } = require(${INDEX});
    const cache = new BoundedMap({ max: 1000, ttl: 3_600_000 });
    for (let i = 0; i < 1000; i++) cache.set(i, i);
    setInterval(() => {}, 1000);`,
  'ttl cache, used': `
    const { BoundedMap } = require(${INDEX});
    const cache = new BoundedMap({ max: 1000, ttl: 3_600_000 });
    setInterval(() => cache.set(1, 1), 20);`,
  'leak, caches': `
    const { BoundedMap } = require(${INDEX});
    const caches = Array.from({ length: 200 }, (_, i) => new BoundedMap({ max: 1000, name: 'cache ' + i }));
    const kept = [];
    let n = 0;
    setInterval(() => { n++; for (const cache of caches) cache.set(n % 2000, n); for (let i = 0; i < 500; i++) kept.push({ n, i }); }, 50);`,
};

/** Nanoseconds that the thread has run. */
function ran(pid) {
  const dir = `/proc/${pid}/task`;
  const tid = fs.readdirSync(dir).find((each) => fs.readFileSync(`${dir}/${each}/comm`, 'utf8').trim() === 'plimsoll');
  return Number(fs.readFileSync(`${dir}/${tid}/schedstat`, 'utf8').split(' ')[0]);
}

async function measure([name, program]) {
  const env = { ...process.env, PLIMSOLL_SNAPSHOT_ON: 'none', PLIMSOLL_REPORT: 'none', PLIMSOLL_LOG: 'silent' };
  const child = spawn(process.execPath, ['--require', path.join(__dirname, '../../register.js'), '-e', program], {
    env,
    stdio: 'ignore',
  });
  await delay(SETTLE);
  const before = ran(child.pid);
  await delay(Number(values.seconds) * 1000);
  const share = (ran(child.pid) - before) / (Number(values.seconds) * 1e9);
  child.kill('SIGKILL');
  return `${name.padEnd(16)} ${(share * 100).toFixed(4)} % of a core`;
}

Promise.all(Object.entries(PROGRAMS).map(measure)).then((lines) => console.log(lines.join('\n')));
