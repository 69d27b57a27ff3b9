'use strict';
// plimsoll post-mortem: how the processes ended that ran in a directory. It changes nothing there.

const fs = require('node:fs');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { Ended, processesIn } = require('../postmortem/ended.js');
const { analyzeLeft, examine } = require('../postmortem/examine.js');
const { line } = require('../postmortem/words.js');
const { render } = require('../report/terminal.js');
const { print, viewOf } = require('./views.js');

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

/** Why the state of a process cannot be claimed, and what to do about it. */
function unreadable({ files: [file] }, dir, { message }) {
  const uid = fs.lstatSync(file, { throwIfNoEntry: false })?.uid;
  const isForeign = uid !== undefined && process.geteuid !== undefined && ![uid, 0].includes(process.geteuid());
  return isForeign
    ? `${message}; it belongs to the user ${uid}: run this command as that user, or as root, or on a copy of ${dir}.`
    : `${message}.`;
}

/** Its report; null where what it left is damaged. */
async function reportOf(ended, dir, roots) {
  const found = examine(ended, dir);
  if (found === null) return null;
  const { unanalyzed, channel, build } = found;
  const { analysis, note } = unanalyzed.length === 0 ? {} : await analyzeLeft(unanalyzed, channel, roots);
  return build(analysis, note === undefined ? [] : [note]);
}

async function run(values, positionals, io) {
  if (positionals.length !== 1)
    throw new PlimsollError('ERR_PLIMSOLL_USAGE', 'plimsoll post-mortem takes one directory: the dir of the watch.');
  const dir = path.resolve(positionals[0]);
  const roots = values['source-root'] === undefined ? [] : [values['source-root']];
  const processes = processesOf(dir);
  let failures = 0;
  const fail = (why) => {
    failures++;
    print(io.stderr, why);
  };
  let found = 0;
  for (const each of processes) {
    let ended;
    try {
      ended = Ended.claim(each);
    } catch (error) {
      fail(unreadable(each, dir, error));
      continue;
    }
    if (ended === null) {
      print(io.stderr, `pid ${each.pid} is alive, or another process examines what it left.`);
      continue;
    }
    found++;
    try {
      const report = await reportOf(ended, dir, roots);
      if (report === null) fail(`pid ${each.pid}: the state that it left is damaged (${each.files.join(', ')}).`);
      else if (values.json) io.stdout.write(`${JSON.stringify(report)}\n`);
      else {
        print(io.stdout, `${line(report)}.`);
        io.stdout.write(render(report, viewOf(io.stdout, io.env)));
      }
    } finally {
      ended.release();
    }
  }
  if (found === 0 && failures === 0) print(io.stderr, `no process that has ended left a state in ${dir}.`);
  return Number(failures > 0);
}

module.exports = {
  summary: 'report how the processes ended that ran in a directory',
  usage: '[options] DIR',
  exits: '0, also if no process has ended there; 1 if something that was left cannot be read; 2 for wrong usage',
  example: 'npx plimsoll post-mortem /var/dumps',
  options,
  positionals: true,
  run,
};
