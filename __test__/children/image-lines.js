'use strict';
// Takes a heap image before V8 has counted the lines of Node's own sources, then V8's snapshot. Prints their paths.

const path = require('node:path');
const v8 = require('node:v8');
const { takeSnapshot } = require('../..');

const [dir] = process.argv.slice(2);
takeSnapshot({ dir, method: 'image', cooldown: 0 }).then((taken) => {
  const snapshot = v8.writeHeapSnapshot(path.join(dir, 'v8.heapsnapshot'));
  console.log(JSON.stringify({ image: taken.path, snapshot }));
});
