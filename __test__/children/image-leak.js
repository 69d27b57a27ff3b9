'use strict';
// Takes three heap images while a Map grows. Prints what each call brought.

const { takeSnapshot } = require('../..');

const sessions = new Map();

function grow() {
  for (let count = 0; count < 5000; count++) {
    const id = sessions.size;
    sessions.set(`session ${id}`, { id, name: `visitor ${id}`, visits: [{ id }] });
  }
}

(async () => {
  const taken = [];
  for (let round = 0; round < 3; round++) {
    grow();
    taken.push(await takeSnapshot({ dir: process.argv[2], cooldown: 0, method: 'image' }));
  }
  console.log(JSON.stringify({ taken, size: sessions.size }));
})().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));
