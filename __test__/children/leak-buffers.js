'use strict';
// Keeps slices of uploads: about 4 MB/s outside the heap, with garbage of both kinds beside them.
const uploads = [];
setInterval(() => {
  uploads.push(Buffer.alloc(80_000, 'x'));
  Buffer.alloc(200_000).fill(1);
  Array.from({ length: 3000 }, (_, i) => ({ i }));
}, 20);
