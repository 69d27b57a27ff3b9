'use strict';
// The allocation profile as a flame graph: who allocated what is alive, callers above what they call.

const path = require('node:path');
const { html } = require('./markup.js');
const { icicle } = require('./rectangles.js');
const { readRegularFile } = require('./regular-file.js');
const { bytes, percent } = require('./units.js');
const { clipped, place } = require('./words.js');

const SIZES = { wide: { width: 720, row: 19, letter: 6.3 }, half: { width: 400, row: 24, letter: 8 } };
/** Bars below this share of the whole, and rows below this depth, are left out. */
const LIMITS = { least: 0.004, deepest: 28, most: 240 };
/** Characters of a name. */
const LONGEST = 100;
const LARGEST = 64 * 2 ** 20;
const round = (n) => Math.round(n * 10) / 10;

/**
 * The tree of a `.heapprofile` file that this process may read; null where there is none.
 * @param {string | null | undefined} file
 */
function readProfile(file) {
  if (!file || path.extname(file) !== '.heapprofile') return null;
  try {
    return JSON.parse(readRegularFile(file, LARGEST) ?? 'null')?.head ?? null;
  } catch {
    // It is cut off: the page goes without.
    return null;
  }
}

/** A call tree with the bytes of each frame and all that it calls. @param {any} node */
function totals(node) {
  const children = (node.children ?? []).map(totals);
  const { functionName = '', url = '', lineNumber = -1 } = node.callFrame ?? {};
  const own = Number(node.selfSize) || 0;
  return {
    frame: { name: String(functionName), file: String(url).replace(/^file:\/\//, ''), line: lineNumber + 1 },
    bytes: children.reduce((sum, child) => sum + child.bytes, own),
    children,
  };
}

/** Whose code a frame is. */
function ownerOf({ file }) {
  if (file.startsWith('node:')) return 'node';
  if (file === '') return 'v8';
  return /[\\/]node_modules[\\/]/.test(file) ? 'package' : 'own';
}

function barOf({ frame, depth, x, width, bytes: size }, { all, row, letter, width: whole, cwd }) {
  const box = { x: round(x * whole), y: depth * row, width: round(Math.max(0.5, width * whole - 1)), height: row - 1 };
  const name = depth === 0 ? 'all sampled objects' : clipped(frame.name || '(anonymous)', LONGEST);
  const where = clipped(place(frame, cwd), LONGEST);
  const most = Math.floor((box.width - 8) / letter);
  const shown = name.length <= most ? name : most >= 4 ? `${name.slice(0, most - 1)}…` : '';
  return html`<g><rect class="cell ${ownerOf(frame)}" x="${box.x}" y="${box.y}" width="${box.width}" height="${box.height}" rx="2"><title>${name}${where && ` (${where})`}: ${bytes(size)} (${percent(size / all)})</title></rect>${shown && html`<text class="label" x="${round(box.x + 4)}" y="${round(box.y + row * 0.7)}">${shown}</text>`}</g>`;
}

/**
 * @param {any} head of a profile @param {string} cwd
 * @returns {unknown} nothing where nothing was sampled
 */
function flameGraph(head, cwd) {
  if (head === null || head === undefined) return null;
  const root = totals(head);
  const bars = icicle(root, LIMITS);
  if (bars.length < 2) return null;
  const rows = Math.max(...bars.map(({ depth }) => depth)) + 1;
  const leaves = root.children.map(({ frame, bytes: size }) => `${frame.name || '(anonymous)'} ${bytes(size)}`);
  const label = `allocation profile, ${bytes(root.bytes)}: ${leaves.slice(0, 5).join(', ')}`;
  const graphs = Object.entries(SIZES).map(
    ([name, size]) =>
      html`<svg class="flame ${name}" viewBox="0 0 ${size.width} ${rows * size.row}" role="img" aria-label="${label}">${bars.map((bar) => barOf(bar, { ...size, all: root.bytes, cwd }))}</svg>`,
  );
  return html`<figure class="card"><figcaption><strong>${bytes(root.bytes)} sampled and still alive</strong><span class="soft">callers above what they call</span></figcaption>${graphs}</figure>`;
}

module.exports = { flameGraph, readProfile };
