'use strict';
// Takes snapshots with so many descriptors left, under a limit that is set before: METHOD DIR FREE...

const fs = require('node:fs');
const { takeSnapshot } = require('../..');

const [method, dir, ...free] = process.argv.slice(2);

async function outcome(count) {
  const held = [];
  try {
    for (;;) held.push(fs.openSync('/dev/null'));
  } catch {
    // None is left.
  }
  for (const fd of held.splice(held.length - count)) fs.closeSync(fd);
  try {
    return (await takeSnapshot({ method, dir, cooldown: 0 })).method;
  } catch (error) {
    return error.code;
  } finally {
    for (const fd of held) fs.closeSync(fd);
  }
}

async function main() {
  const outcomes = [];
  for (const count of free) outcomes.push(await outcome(Number(count)));
  // Once more with all of them: what was not known then is known now.
  const last = await takeSnapshot({ method, dir, cooldown: 0 });
  console.log(JSON.stringify({ outcomes, last: last.method }));
}

main();
