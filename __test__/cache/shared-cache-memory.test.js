'use strict';
// The memory of entries that are gone goes back to the system, however they went.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { promisify } = require('node:util');

/** glibc keeps freed memory until malloc_trim(3); other allocators have their own rules. */
const skip = process.report.getReport().header.glibcVersionRuntime === undefined && 'not glibc';

const WAYS = {
  clear: '() => cache.clear()',
  'the end of their time': '() => { time = 1e6; cache.has(""); }',
  purgeExpired: '() => { time = 1e6; cache.purgeExpired(); }',
  delete: '() => { for (const key of keys()) cache.delete(key); }',
  'smaller values': '() => { for (const key of keys()) cache.set(key, ""); }',
};
const FILLS = {
  'the main thread': 'async () => fill()',
  'a thread that has ended': `() => require('node:events').once(new Worker(__filename, { argv: [process.argv[2]] }), 'exit')`,
};

const program = (fill, remove) => `
  const { Worker, isMainThread } = require('node:worker_threads');
  const { SharedCache } = require(process.argv[2]);
  let time = 0;
  const cache = new SharedCache('name', { maxBytes: 64 << 20, ttl: 1e5, clock: () => time });
  function* keys() { for (let i = 0; i < 60000; i++) yield 'key ' + i; }
  function fill() { const value = Buffer.alloc(900); for (const key of keys()) cache.set(key, value); }
  const rss = () => process.memoryUsage.rss();
  async function main() {
    const empty = rss();
    await (${fill})();
    const full = rss() - empty;
    (${remove})();
    const look = () => {
      gc();
      const left = (rss() - empty) / full;
      if (left > .4) setTimeout(look, 50);
      else console.log(full >> 20);
    };
    look();
  }
  if (isMainThread) main(); else fill();
`;

for (const [who, fill] of Object.entries(FILLS)) {
  for (const [how, remove] of Object.entries(WAYS)) {
    test(
      `memory goes back to the system: filled by ${who}, emptied by ${how}`,
      { skip, timeout: 60_000 },
      async (t) => {
        const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-')), 'program.js');
        t.after(() => fs.rmSync(path.dirname(file), { recursive: true }));
        fs.writeFileSync(file, program(fill, remove));
        const { stdout } = await promisify(execFile)(
          process.execPath,
          ['--expose-gc', file, path.join(__dirname, '../..')],
          { signal: t.signal },
        );
        assert.ok(Number(stdout) > 40, `${stdout} MB were filled`);
      },
    );
  }
}
