'use strict';
// What a watch has to show beside the sampler's figures, and the report that is made of it. None of this is loaded
// until it is asked for.

const cluster = require('node:cluster');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const { analyze } = require('../report/analyze.js');
const { writeReport } = require('../report/files.js');
const { memoryFor } = require('../report/memory.js');
const { buildReport } = require('../report/report.js');
const { mainScript } = require('../script.js');
const { reportTrackers, ROWS } = require('../report/trackers.js');
const { sources, suspects } = require('../track/index.js');
const { deploymentOf } = require('./deployment.js');
const { workingDir } = require('../directories.js');

/** What costs nothing to know: what is tracked. @param {import('../report/shown.js').Shown} shown */
const tracked = (shown) => ({
  trackers: reportTrackers(sources(ROWS), shown),
  trackerSuspects: suspects({ bounded: true }).map((suspect) => shown.suspect(suspect)),
});

/** Which process this is. @param {import('../report/shown.js').Shown} shown */
const identity = (shown) => ({
  node: process.version,
  redacted: shown.redacts,
  process: {
    title: shown.name(process.title),
    argv0: process.argv0,
    script: shown.script(mainScript() ?? null),
    cwd: workingDir(),
    hostname: os.hostname(),
    platform: process.platform,
    arch: process.arch,
    ...deploymentOf(),
  },
  role: cluster.isWorker ? 'worker' : 'main',
  release: deploymentOf().release,
  addons: loadedAddons(),
});

/** Names of other packages' native addons: the candidates for memory that no snapshot shows. */
function loadedAddons() {
  const files = Object.keys(require.cache).filter(
    (file) => file.endsWith('.node') && !path.basename(file).startsWith('plimsoll.'),
  );
  return files.map((file) => /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1] ?? path.basename(file));
}

/** Where the service's own script is: its working directory may be another. */
const ownFolder = (script = mainScript()) => (script === undefined ? [] : [path.dirname(script)]);

/**
 * Analyses snapshots in a process of its own, and only where that has room beside the service.
 * @param {Array<{path: string, bytes: number}>} snapshots
 * @param {{ channel: string, signal: AbortSignal }} options
 * @returns {Promise<{ analysis?: object, note?: string, error?: Error }>} the note says why there is no analysis
 */
async function analyseBeside(snapshots, { channel, signal }) {
  const paths = snapshots.map((snapshot) => snapshot.path);
  const elsewhere = () => {
    const there = paths.filter((each) => fs.existsSync(each));
    return there.length === 0 ? '' : `; plimsoll analyze ${there.join(' ')} reads them on any machine`;
  };
  const { spill, lack } = memoryFor(snapshots, { heapBytes: v8.getHeapStatistics().total_heap_size });
  if (lack !== undefined) return { note: `The snapshots were not analysed beside the service: ${lack}${elsewhere()}.` };
  try {
    return { analysis: await analyze(paths, { signal, channel, unref: true, sourceRoots: ownFolder(), spill }) };
  } catch (error) {
    return { error, note: `The snapshots could not be analysed here (${error.message})${elsewhere()}.` };
  }
}

/**
 * @param {{ state: object, analysis?: object, notes: string[], removed?: string[] }} found
 * @param {{ dir: string, formats: string[] }} where
 * @returns {Promise<{ report: object, files: string[], error?: any }>} `error`: why there are no files
 */
async function report(found, where) {
  const made = buildReport(found);
  try {
    return { report: made, files: await writeReport(made, { ...where, sourceRoots: ownFolder() }) };
  } catch (error) {
    return { report: made, files: [], error };
  }
}

module.exports = { tracked, identity, analyseBeside, report };
