'use strict';
// Takes a heap image while V8 collects the whole heap again and again, and prints the result: image-collections.js DIR

const v8 = require('node:v8');
const { takeSnapshot } = require('../../index.js');

v8.setFlagsFromString('--expose-gc');
const collect = require('node:vm').runInNewContext('gc');

const kept = Array.from({ length: 200_000 }, (_, at) => ({ at, text: `entry ${at}` }));
const collecting = setInterval(collect, 1);
takeSnapshot({ dir: process.argv[2], method: 'image', cooldown: 0 }).then(
  (taken) => {
    clearInterval(collecting);
    process.stdout.write(JSON.stringify({ ...taken, kept: kept.length }));
  },
);
