'use strict';
// The process that examines what an earlier one left. It yields to everything else, and ends when its parent does; the
// next process then goes on with what it has not finished. Its request is the first line of standard input, its answers
// are lines of JSON on standard output.

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { Ended, processesIn } = require('./ended.js');
const { analyzeLeft, examine } = require('./examine.js');
const { writeView } = require('../report/files.js');
const { removePartials } = require('./partials.js');
const { removeImages, IMAGES_REMOVED } = require('../snapshot/images.js');

/** An analysis that was begun so often and never ended is not begun again. */
const MOST_ATTEMPTS = 2;
const NOT_AGAIN = 'The snapshots were not analyzed: each process that began to has ended before it was done.';
const EXTENSIONS = { json: 'json', html: 'html', text: 'txt' };
const REPORT = /^plimsoll-post-mortem-(\d{8}T\d{9}Z-\d+)\./;

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

const reportFiles = (dir, stem, formats) =>
  formats.map((format) => ({ format, file: path.join(dir, `plimsoll-post-mortem-${stem}.${EXTENSIONS[format]}`) }));

async function write(report, { dir, formats, sourceRoots, redact }, stem) {
  const written = [];
  for (const { format, file } of reportFiles(dir, stem, formats))
    written.push(await writeView(report, format, file, { sourceRoots, masked: redact }));
  return written;
}

/** The processes that have ended and are not done with, claimed one after the other: like this one first. */
function* candidates(dir, me) {
  const left = processesIn(dir).flatMap((each) => {
    try {
      const ended = Ended.claim(each);
      if (ended === null) return [];
      const [state] = ended.stage.done ? [] : ended.states();
      ended.release();
      if (state === undefined) return [];
      const { process: origin, role } = state.extra ?? {};
      return [{ each, isLike: origin?.script === me.script && role === me.role }];
    } catch (error) {
      say({ kind: 'failed', code: error.code, message: error.message });
      return [];
    }
  });
  for (const { each } of [...left.filter(({ isLike }) => isLike), ...left.filter(({ isLike }) => !isLike)]) {
    const ended = Ended.claim(each);
    if (ended === null) continue;
    if (ended.stage.done) ended.release();
    else yield ended;
  }
}

async function examineOne(ended, request) {
  removePartials(request.dir, ended);
  const found = examine(ended, request.dir);
  if (found === null) return;
  const stage = ended.stage;
  const { unanalyzed, build, channel, isRedacted, images } = found;
  if (!stage.reported) {
    const report = build();
    const files = await write(report, request, ended.stem);
    stage.reported = true;
    ended.stage = stage;
    say({ kind: 'previous', report, files, isRedacted: isRedacted() });
  }
  if (unanalyzed.length > 0) {
    const isTried = stage.attempts < MOST_ATTEMPTS;
    stage.attempts += Number(isTried);
    ended.stage = stage;
    const { analysis, note } = isTried
      ? await analyzeLeft(unanalyzed, channel, request.sourceRoots)
      : { analysis: undefined, note: NOT_AGAIN };
    const spent = analysis === undefined ? [] : images;
    const removed = spent.length > 0 ? [IMAGES_REMOVED] : [];
    const report = build(analysis, note === undefined ? removed : [note], spent);
    const files = await write(report, request, ended.stem);
    await removeImages(spent);
    say({ kind: 'report', report, files, isRedacted: isRedacted(analysis) });
  }
  ended.stage = { ...stage, done: true };
}

/** What is done with is kept up to `maxFiles` processes. */
function prune({ dir, maxFiles }) {
  const done = processesIn(dir).flatMap((each) => {
    const ended = Ended.claim(each);
    if (ended === null) return [];
    if (ended.stage.done) return [ended];
    ended.release();
    return [];
  });
  const gone = new Set(done.slice(maxFiles).map(({ stem }) => stem));
  for (const ended of done) {
    if (gone.has(ended.stem)) ended.remove();
    else ended.release();
  }
  for (const name of fs.readdirSync(dir))
    if (gone.has(REPORT.exec(name)?.[1])) fs.rmSync(path.join(dir, name), { force: true });
}

async function main(request) {
  // One process has one predecessor. What others have reported and not finished is finished besides.
  let isFound = false;
  for (const ended of candidates(request.dir, request.me)) {
    try {
      const isReported = ended.stage.reported;
      if (isReported || !isFound) await examineOne(ended, request);
      isFound ||= !isReported;
    } finally {
      ended.release();
    }
  }
  prune(request);
}

if (require.main === module) {
  const input = readline.createInterface({ input: process.stdin });
  input.once('line', (line) => {
    main(JSON.parse(line))
      .catch((error) => say({ kind: 'failed', code: error.code, message: error.message }))
      .finally(() => process.stdout.write('', () => process.exit()));
  });
  process.stdin.on('close', () => process.exit(1));
}

module.exports = { main };
