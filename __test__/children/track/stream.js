'use strict';
// Files that are piped to clients which go away: pipe leaves the source open, and something holds it.
const fs = require('node:fs');
const { Writable } = require('node:stream');

module.exports = async () => {
  const downloads = new Set();
  return async () => {
    for (let i = 0; i < 3; i++) {
      const client = new Writable({ highWaterMark: 1, write: () => {} });
      const file = fs.createReadStream(__filename, { highWaterMark: 64 });
      downloads.add(file);
      file.pipe(client); // leak
      await new Promise((resolve) => file.once('data', resolve));
      client.destroy();
    }
    await new Promise((resolve) => setImmediate(resolve));
  };
};
