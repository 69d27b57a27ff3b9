'use strict';
// Grows a Map by about 2.5 MB/s, with plenty of garbage beside it; ends as argv says.
const kept = new Map();
let n = 0;
setInterval(() => {
  for (let i = 0; i < 60; i++) {
    n++;
    kept.set(`key ${n}`, { n, values: Array.from({ length: 40 }, (_, k) => k * n) });
  }
  Array.from({ length: 5000 }, (_, i) => ({ i }));
}, 10);
