'use strict';
// plimsoll fleet: the reports of many processes, merged by leak.

const { PlimsollError } = require('../errors.js');
const { gather } = require('../fleet/gather.js');
const { renderHtml } = require('../fleet/html.js');
const { renderTerminal } = require('../fleet/terminal.js');
const { writeText } = require('../report/files.js');
const { STDOUT, checkFiles, print } = require('./views.js');

const LEAK = 3;
const VIEWS = { json: (fleet) => `${JSON.stringify(fleet)}\n`, html: renderHtml };

const options = {
  json: {
    type: 'string',
    value: 'FILE',
    optional: /\.json$/,
    description: 'the leaks as JSON (plimsoll.fleet/1), on standard output without a FILE (*.json)',
  },
  html: { type: 'string', value: 'FILE', description: 'the leaks as one page' },
};

async function run(values, positionals, io) {
  if (positionals.length === 0)
    throw new PlimsollError('ERR_PLIMSOLL_USAGE', 'plimsoll fleet needs a folder, a glob or s3://bucket/prefix.');
  const files = { ...values, json: values.json === '' ? STDOUT : values.json };
  await checkFiles(files);
  const fleet = await gather(positionals);
  for (const note of fleet.notes) print(io.stderr, note);
  let onStdout = false;
  for (const [format, render] of Object.entries(VIEWS)) {
    const file = files[format];
    if (file === undefined) continue;
    if (file !== STDOUT) await writeText(file, () => render(fleet));
    else {
      io.stdout.write(render(fleet));
      onStdout = true;
    }
  }
  if (!onStdout) io.stdout.write(renderTerminal(fleet, io.stdout.columns));
  if (fleet.reports === 0) {
    print(io.stderr, `no report was found in ${positionals.length === 1 ? 'the source' : 'the sources'}.`);
    return 1;
  }
  return fleet.leaks.length + fleet.unsigned + fleet.unnamed > 0 ? LEAK : 0;
}

module.exports = {
  summary: 'merge the reports of many processes: one entry for each leak',
  usage: '[options] SOURCE...',
  exits:
    '0 if no report has a leak; 3 for a leak; 1 if there is no report, or a file cannot be written; 2 for wrong usage',
  example: 'npx plimsoll fleet /var/lib/plimsoll --html fleet.html',
  options,
  positionals: true,
  run,
};
