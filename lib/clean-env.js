'use strict';

/**
 * The environment of a process of ours. NODE_OPTIONS may preload a watcher or set flags, PLIMSOLL_* start one. What a
 * program has put in place of `process.env` may have other values than texts.
 */
const cleanEnv = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) => name !== 'NODE_OPTIONS' && !name.startsWith('PLIMSOLL_') && typeof value === 'string',
    ),
  );

module.exports = { cleanEnv };
