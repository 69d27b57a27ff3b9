'use strict';
// Loads a snapshot as @memlab/heap-analysis does: dominators and retained sizes included.
const { getFullHeapFromFile } = require('@memlab/heap-analysis');

getFullHeapFromFile(process.argv[2]).then((heap) => {
  const root = heap.nodes.get(0);
  process.stdout.write(`${JSON.stringify({ nodes: heap.nodes.length, retained: root.retainedSize })}\n`);
});
