'use strict';
// Records a program's memory: `RECORD=FILE node --require ./record.js program.js`.
//
// RECORD_PROBE   ms between provoked collections (2500; 0: none), RECORD_SECONDS until the end (95),
// RECORD_THREAD  `worker` to record the first worker thread instead of the main one.
//
// A line is `kind ms rss heapTotal heapUsed external extra`, sizes in KB. Kinds: r, a reading (extra: the
// lowest used heap after a minor collection since the last one, or 0); g, a natural mark-compact; p, a
// provoked one (extra: its pause, ms).
const fs = require('node:fs');
const v8 = require('node:v8');
const vm = require('node:vm');
const { isMainThread } = require('node:worker_threads');
const { PerformanceObserver, constants, performance } = require('node:perf_hooks');

const { RECORD, RECORD_PROBE = '2500', RECORD_SECONDS = '95', RECORD_THREAD = 'main' } = process.env;

function start(file) {
  const out = fs.openSync(file, 'w');
  const begun = performance.now();
  const now = () => Math.round(performance.now() - begun);
  let lowest = 0;
  const line = (kind, extra) => {
    const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
    const sizes = [rss, heapTotal, heapUsed, external].map((bytes) => Math.round(bytes / 1024));
    fs.writeSync(out, `${kind} ${now()} ${sizes.join(' ')} ${extra}\n`);
  };
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
  const forced = constants.NODE_PERFORMANCE_GC_FLAGS_FORCED;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR && (detail.flags & forced) === 0) line('g', 0);
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) {
        const used = Math.round(process.memoryUsage().heapUsed / 1024);
        lowest = lowest === 0 ? used : Math.min(lowest, used);
      }
    }
  }).observe({ entryTypes: ['gc'] });
  setInterval(() => {
    line('r', lowest);
    lowest = 0;
    if (now() > Number(RECORD_SECONDS) * 1000) process.kill(process.pid, 'SIGKILL');
  }, 1000).unref();
  if (Number(RECORD_PROBE) > 0) {
    setInterval(() => {
      const before = performance.now();
      collect();
      line('p', (performance.now() - before).toFixed(1));
    }, Number(RECORD_PROBE)).unref();
  }
}

if (RECORD !== undefined && isMainThread === (RECORD_THREAD === 'main')) start(RECORD);
