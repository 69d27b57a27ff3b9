'use strict';
// The lines of a stack in docs/stacks.md: what installs plimsoll, what starts the stack, and what is written to standard
// error about its leak.

const fs = require('node:fs');
const path = require('node:path');

const { kindOf } = require('../../lib/report/words.js');

const PAGE = path.join(__dirname, '../../docs/stacks.md');
const LEAK = /^# plimsoll: (.+) leak … 1\. (.+?)(?: `(.+)`)? (\S+)$/;

const either = (words) => words.split(' or ');

/**
 * @param {string} name
 * @returns {{install: string, start: string, leaks: {channels: string[], kinds: string[], name: string, place: string}[]}}
 */
function linesOf(name) {
  const section = fs
    .readFileSync(PAGE, 'utf8')
    .split(/^### /m)
    .find((each) => each.split('\n', 1)[0].endsWith(`(\`${name}\`)`));
  if (section === undefined) throw new Error(`docs/stacks.md has no section for ${name}`);
  const block = /^```sh\n([^]*?)^```$/m.exec(section)?.[1];
  if (block === undefined) throw new Error(`docs/stacks.md has no commands for ${name}`);
  const [install, start, ...leaks] = block.trimEnd().split('\n');
  return { install, start, leaks: leaks.map(leakOf) };
}

function leakOf(line) {
  const found = LEAK.exec(line);
  if (found === null) throw new Error(`docs/stacks.md: not the line of a leak: ${line}`);
  const [, channels, kinds, name = '', place] = found;
  return { channels: either(channels), kinds: either(kinds), name, place };
}

/** Whether the page shows the leak that a report has; a file is a name in a folder or in a package. */
function shows({ channels, kinds, name, place }, { verdict, suspects: [first] }) {
  const [, file, line] = /^(.+?)(?::(\d+))?$/.exec(place);
  return (
    channels.includes(verdict.channel) &&
    kinds.includes(kindOf(first)) &&
    name === first.name &&
    `/${first.file}`.endsWith(`/${file}`) &&
    (line === undefined || Number(line) === first.line)
  );
}

module.exports = { linesOf, shows };
