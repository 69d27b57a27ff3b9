'use strict';
// plimsoll image PID: heap images of a process that need not know plimsoll, without its inspector.

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { PlimsollTypeError, quote } = require('../errors.js');
const { checkExists } = require('../inspect/target.js');
const { takeImage } = require('../inspect/image.js');
const { bytes, duration } = require('../report/units.js');
const { flag, pidOf } = require('./target-options.js');
const { untilSignal } = require('./until-signal.js');
const { print } = require('./views.js');

/** Three of one process name a leak. */
const MOST = 3;

const options = {
  dir: { type: 'string', value: 'DIR', description: 'where images go (the working directory)' },
  count: { type: 'string', value: 'N', description: 'how many images to take, 1 to 3 (1); three of them name a leak' },
  interval: { type: 'string', value: 'TIME', description: 'the time between two of them (1m)' },
};

function parse(values, positionals) {
  const count = Number(values.count ?? 1);
  if (!Number.isInteger(count) || count < 1 || count > MOST)
    throw new PlimsollTypeError('ERR_PLIMSOLL_USAGE', `--count must be from 1 to ${MOST}, not ${quote(values.count)}.`);
  return {
    pid: pidOf('image', positionals),
    count,
    interval: flag('interval', values.interval ?? '1m', 'window'),
    dir: path.resolve(values.dir ?? '.'),
  };
}

async function run(values, positionals, io) {
  const { pid, count, interval, dir } = parse(values, positionals);
  checkExists(pid);
  const paths = [];
  const status = await untilSignal(async (signal) => {
    while (paths.length < count) {
      if (paths.length > 0) await sleep(interval, undefined, { signal });
      const image = await takeImage(pid, { dir });
      paths.push(image.path);
      io.stdout.write(`${image.path}\n`);
      print(
        io.stderr,
        `${bytes(image.bytes)}; process ${pid} (Node ${image.node}) was stopped for ${duration(image.pauseMs)}`,
      );
      if (image.note !== null) print(io.stderr, image.note);
    }
  });
  if (paths.length > 0)
    print(
      io.stderr,
      `images hold what is in the memory, secrets included; plimsoll analyze ${paths.join(' ')} reads them`,
    );
  return status ?? 0;
}

module.exports = {
  summary: 'take heap images of a running process that need not know plimsoll',
  usage: '[options] PID',
  example: 'npx plimsoll image --count 3 --interval 1m 19211',
  exits: '0; 1 if the process cannot be read; 2 for wrong usage; 128 and the number of a signal',
  options,
  positionals: true,
  run,
};
