'use strict';
// Downloads whose clients go away: a stream that is kept until it ends, and is not destroyed.

const http = require('node:http');
const { Readable } = require('node:stream');
const { randomBytes } = require('node:crypto');
const { listen } = require('./health-metrics.js');

const downloads = new Set(); // the leak

async function start({ leaks }) {
  return listen(
    http.createServer((req, res) => {
      const rows = Readable.from(exported(req.url));
      downloads.add(rows);
      rows.on('end', () => downloads.delete(rows));
      if (!leaks)
        res.on('close', () => {
          downloads.delete(rows);
          rows.destroy();
        });
      rows.pipe(res);
    }),
  );
}

/** `/100000/name` is a file of so many rows, too large for the buffers of a socket. */
async function* exported(url) {
  const [, rows, name] = url.split('/');
  for (let row = 0; row < rows; row++) yield `${name};${row};${randomBytes(12_000).toString('hex')}\n`;
}

/** Every second client asks for a large file, and goes away after the first bytes. */
async function request({ port, i }) {
  const control = new AbortController();
  const rows = i % 2 === 0 ? 20 : 100_000;
  const response = await fetch(`http://127.0.0.1:${port}/${rows}/export-${i}`, { signal: control.signal });
  if (i % 2 === 0) await response.text();
  else {
    await response.body.getReader().read();
    control.abort();
  }
}

module.exports = { start, request, rate: 40, causes: ['set', 'streams'] };
