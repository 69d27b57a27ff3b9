'use strict';
// A program that never heard of plimsoll: a Map that only grows. It says when it is ready.

const visits = new Map();

function visit(id) {
  visits.set(id, { id, page: `/${id}`, seen: [id, id + 1] });
}

let id = 0;
setInterval(() => {
  for (let n = 0; n < 50; n++) visit(id++);
}, 10);
process.stdout.write('ready\n');
