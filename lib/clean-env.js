'use strict';

/** The environment of a process of ours. NODE_OPTIONS may preload a watcher or set flags, PLIMSOLL_* start one. */
const cleanEnv = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('PLIMSOLL_')),
  );

module.exports = { cleanEnv };
