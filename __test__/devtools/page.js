'use strict';
// A page in Chrome, for what Node does not write: the characters of external strings, elements that only weak references reach.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { findChromium, startChromium } = require('../support/chromium.js');

const PAGE = `<!doctype html>
<script>
  const kept = [];
  const notes = new WeakMap();
  for (let i = 0; i < 3000; i++) {
    const board = document.createElement('div');
    board.innerHTML = '<span>' + i + '</span>';
    kept.push(board.firstChild);
    notes.set(board.firstChild, { of: board, at: i });
  }
  const texts = Array.from({ length: 50 }, (_, i) => { const text = document.createTextNode('text ' + i + ' '.repeat(5000)); return text.data; });
  const large = '${'y'.repeat(200_000)}';
</script>`;

/** Takes its snapshot; false where no Chromium is found. */
async function takeOfPage(file) {
  if (findChromium() === null) return false;
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-page-'));
  const page = path.join(dir, 'page.html');
  fs.writeFileSync(page, PAGE);
  const chromium = await startChromium();
  try {
    const view = await chromium.open(pathToFileURL(page).href);
    view.on('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => fs.appendFileSync(file, chunk));
    await view.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    view.close();
  } finally {
    await chromium.close();
    fs.rmSync(dir, { recursive: true });
  }
  return true;
}

module.exports = { takeOfPage };
