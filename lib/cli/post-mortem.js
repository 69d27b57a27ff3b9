'use strict';
// plimsoll post-mortem: how the processes ended that ran in a directory. It changes nothing there.

const fs = require('node:fs');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { Ended, processesIn } = require('../postmortem/ended.js');
const { analyzeLeft, examine } = require('../postmortem/examine.js');
const { line } = require('../postmortem/words.js');
const { render } = require('../report/terminal.js');
const { tell, viewOf } = require('./views.js');

const options = {
  json: { type: 'boolean', description: 'one report as JSON on each line of standard output' },
  'source-root': {
    type: 'string',
    value: 'DIR',
    description: 'a folder whose source is read for names and lines, beside the working directory',
  },
};

/** The processes that have left a state, the newest first; the directory is named where it cannot be read. */
function processesOf(dir) {
  try {
    return processesIn(dir);
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_DIR',
      `${dir} cannot be read (${cause.message}); give the dir of the watch.`,
      {
        cause,
      },
    );
  }
}

function claimOf(each, dir) {
  try {
    return Ended.claim(each);
  } catch (error) {
    const { uid } = fs.statSync(each.files[0]);
    throw new PlimsollError(
      error.code,
      `${error.message}; it belongs to the user ${uid}: run this command as that user, or as root, or on a copy of ${dir}.`,
      {
        cause: error,
      },
    );
  }
}

async function run(values, positionals, io) {
  if (positionals.length !== 1)
    throw new PlimsollError('ERR_PLIMSOLL_USAGE', 'plimsoll post-mortem takes one directory: the dir of the watch.');
  const dir = path.resolve(positionals[0]);
  let reported = 0;
  for (const each of processesOf(dir)) {
    const ended = claimOf(each, dir);
    if (ended === null) {
      tell(io.stderr, `pid ${each.pid} is alive, or another process examines what it left.`);
      continue;
    }
    try {
      const found = examine(ended, dir);
      if (found === null) continue;
      const { unanalyzed, channel, build } = found;
      const roots = values['source-root'] === undefined ? [] : [values['source-root']];
      const { analysis, note } = unanalyzed.length === 0 ? {} : await analyzeLeft(unanalyzed, channel, roots);
      const report = build(analysis, note === undefined ? [] : [note]);
      reported++;
      if (values.json) io.stdout.write(`${JSON.stringify(report)}\n`);
      else {
        tell(io.stdout, `${line(report)}.`);
        io.stdout.write(render(report, viewOf(io.stdout, io.env)));
      }
    } finally {
      ended.release();
    }
  }
  if (reported === 0) tell(io.stderr, `no process that has ended left a state in ${dir}.`);
  return 0;
}

module.exports = {
  summary: 'report how the processes ended that ran in a directory',
  usage: '[options] DIR',
  exits: '0, also if no process has ended there; 1 if what it left cannot be read; 2 for wrong usage',
  example: 'npx plimsoll post-mortem /var/dumps',
  options,
  positionals: true,
  run,
};
