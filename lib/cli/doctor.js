'use strict';
// plimsoll doctor: what is on, what is off, and why.

const path = require('node:path');
const { native, loadError } = require('../native.js');
const { optionsFromEnv } = require('../options.js');
const { diagnosticDir, unwritable } = require('../directories.js');
const { requireAnalyzer } = require('../analyzer-binding.js');
const { version } = require('../../package.json');
const { bytes } = require('../report/units.js');
const { findScanner, missing } = require('./scan.js');

const offBecause = (reason) => (reason === null || reason === undefined ? 'on' : `off: ${reason}`);

/** @returns {string | null} why the analyzer's binary does not load */
function analyzerFailure() {
  try {
    requireAnalyzer();
    return null;
  } catch (error) {
    return error.message;
  }
}

function rows(env) {
  const list = [
    ['plimsoll', version],
    ['node', `${process.version} (V8 ${process.versions.v8}, ${process.platform} ${process.arch})`],
    ['native binary', native === null ? `off: ${loadError.message}` : 'on'],
    ['analyzer binary', offBecause(analyzerFailure())],
  ];
  if (native === null) return list;
  const { watch } = require('../watch/watcher.js');
  const watcher = watch({ snapshotOn: [], report: [] });
  try {
    const { hooks, limits, container, available, allocation } = watcher.stats();
    list.push(
      ['collection hooks', offBecause(hooks.reason)],
      ['forced GC', hooks.on ? 'on' : "on, through V8's gc(): a full collection at once"],
      ['allocation sampling', offBecause(allocation.reason)],
      ['heap limit', bytes(limits.heap)],
      [
        'container limit',
        container === null ? 'no memory cgroup' : container.limit === null ? 'none' : bytes(container.limit),
      ],
      ['memory available', available === null ? 'unknown: no /proc/meminfo' : bytes(available)],
    );
  } finally {
    watcher.stop();
  }
  const { profiler, forkDenied, image, nearLimit } = native.snapshotSupport();
  list.push(
    ['heap images', offBecause(image)],
    ['snapshot near limit', offBecause(nearLimit)],
    [
      'automatic snapshots',
      forkDenied ? 'off: without heap images a snapshot would stop the service; see heap images' : 'on',
    ],
    [
      'in-process snapshots',
      profiler === undefined || profiler === null ? 'on' : `through Node's own stream, which buffers: ${profiler}`,
    ],
  );
  const dir = path.resolve(optionsFromEnv(env).dir ?? diagnosticDir());
  list.push(['snapshots go to', unwritable(dir)?.message ?? dir]);
  list.push(['static scan', offBecause(findScanner(env) === undefined ? missing() : null)]);
  return list;
}

async function run(values, positionals, io) {
  const list = rows(io.env);
  if (values.json) io.stdout.write(`${JSON.stringify(Object.fromEntries(list), null, 2)}\n`);
  else for (const [name, state] of list) io.stdout.write(`${name.padEnd(21)} ${state}\n`);
  return native === null ? 1 : 0;
}

module.exports = {
  summary: 'print what is on, what is off, and why',
  usage: '[options]',
  exits: '0 if the native side is on, 1 if it is off, 2 for wrong usage',
  example: 'npx plimsoll doctor',
  options: { json: { type: 'boolean', description: 'print JSON' } },
  run,
};
