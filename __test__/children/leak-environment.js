'use strict';
// Gives a variable of the environment one value after another: glibc keeps all that it ever had, and nothing on V8's heap holds
// them. What does grow there has no memory elsewhere, or shares one handle.
const { createHash } = require('node:crypto');

const hash = createHash('sha1');
const visits = new Map();
let n = 0;
setInterval(() => {
  for (let i = 0; i < 4; i++) process.env.LAST_VISIT = `${++n}`.padEnd(20_000, 'x');
  if (n % 20 === 0) visits.set(n, { url: `/${n}`, hash });
  Array.from({ length: 3000 }, (_, i) => ({ i }));
}, 20);
