'use strict';
// Batches that fill up and are let go, and a cache that is full from the first second on.
const cache = new Map();
let batch = [];
let n = 0;
setInterval(() => {
  for (let i = 0; i < 400; i++) {
    cache.set(n, { n, text: `entry ${n}` });
    if (cache.size > 4000) cache.delete(n - 4000);
    batch.push({ n: n++, row: [n, n, n] });
  }
  if (batch.length > 60_000) batch = [];
  Array.from({ length: 3000 }, (_, i) => ({ i }));
}, 10);
