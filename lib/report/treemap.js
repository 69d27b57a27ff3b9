'use strict';
// The live heap as a treemap: an area for each package, and in it one for each of its modules.

const path = require('node:path');
const { html } = require('./markup.js');
const { squarify } = require('./rectangles.js');
const { bytes, percent } = require('./units.js');
const { clipped, place } = require('./words.js');

// Drawn once for a wide page and once for a phone, whose letters are larger in units of the view box.
const SIZES = {
  wide: { width: 720, height: 320, letter: 6.3, line: 15 },
  half: { width: 400, height: 420, letter: 8, line: 18 },
};
const GAP = 2;
/** A package below this share of the heap is one of the others. */
const LEAST = 0.004;
/** Packages, modules of each, and characters of a name at most. */
const MOST = { packages: 16, modules: 8, letters: 100 };
const round = (n) => Math.round(n * 10) / 10;

/** What colours an area: whose code it is. */
const ownerOf = (name) => ({ '(application)': 'own', '(node)': 'node', '(v8)': 'v8', other: 'v8' })[name] ?? 'package';

/** As a person calls it. */
const TITLES = { '(application)': 'application', '(node)': 'Node', '(v8)': 'V8', other: 'other packages' };
const titleOf = (name) => TITLES[name] ?? clipped(name, MOST.letters);

/** The packages and what is left, the largest first. @param {{ bytes: number, packages: any[] }} liveHeap */
function areasOf({ bytes: all, packages }) {
  const shown = packages.slice(0, MOST.packages).filter((each) => each.bytes >= all * LEAST);
  const rest = all - shown.reduce((sum, each) => sum + each.bytes, 0);
  const others = rest >= all * LEAST ? [{ name: 'other', bytes: rest, modules: [] }] : [];
  return [...shown, ...others].toSorted((a, b) => b.bytes - a.bytes);
}

/** The modules of a package and what is left. */
function modulesOf({ bytes: all, modules }) {
  const listed = modules.slice(0, MOST.modules).filter((each) => each.bytes > 0);
  const rest = all - listed.reduce((sum, each) => sum + each.bytes, 0);
  return [...listed, ...(rest > 0 ? [{ file: null, bytes: rest }] : [])].toSorted((a, b) => b.bytes - a.bytes);
}

/** Text that fits, or nothing. @param {string} text @param {number} width @param {number} letter */
function fitting(text, width, letter) {
  const most = Math.floor((width - 8) / letter);
  if (text.length <= most) return text;
  return most < 5 ? '' : `${text.slice(0, most - 1)}…`;
}

const inside = ({ x, y, width, height }, top) => ({
  x: x + GAP,
  y: y + top,
  width: Math.max(0, width - 2 * GAP),
  height: Math.max(0, height - top - GAP),
});

const rect = ({ x, y, width, height }, kind, title) =>
  html`<rect class="${kind}" x="${round(x)}" y="${round(y)}" width="${round(Math.max(0, width - 1))}" height="${round(Math.max(0, height - 1))}" rx="2"><title>${title}</title></rect>`;

/** The first of some texts that fits whole, or the last, clipped: half a figure would be another one. */
const text = ({ x, y, width }, words, { letter, line }, kind = 'label') => {
  const each = kind.endsWith('strong') ? letter * 1.25 : letter;
  const whole = words.find((one) => fitting(one, width, each) === one);
  const shown = whole ?? fitting(words.at(-1), width, each);
  return shown && html`<text class="${kind}" x="${round(x + 4)}" y="${round(y + line - 3)}">${shown}</text>`;
};

function areaOf(area, box, size, { cwd, all }) {
  const owner = ownerOf(area.name);
  const title = titleOf(area.name);
  const share = `${bytes(area.bytes)} (${percent(area.bytes / all)})`;
  const frame = html`${rect(box, `area ${owner}`, `${title}: ${share}`)}${box.height >= size.line && text(box, [`${title} ${share}`, `${title} ${bytes(area.bytes)}`, title], size, 'label strong')}`;
  const room = inside(box, size.line + 2);
  const modules = modulesOf(area);
  if (room.width < 12 || room.height < 12 || (modules.length === 1 && modules[0].file === null)) return frame;
  const boxes = squarify(
    modules.map((each) => each.bytes),
    room,
  );
  const cells = modules.map((each, at) => {
    const name = each.file === null ? 'other modules' : clipped(place(each, cwd), MOST.letters);
    const short = each.file === null ? name : path.basename(name);
    const cell = boxes[at];
    const isTall = cell.height >= 2 * size.line;
    return html`<g>${rect(cell, `cell ${owner}`, `${name}: ${bytes(each.bytes)}`)}${cell.height >= size.line && text(cell, isTall ? [short] : [`${short} ${bytes(each.bytes)}`, short], size)}${isTall && text({ ...cell, y: cell.y + size.line }, [bytes(each.bytes), ''], size, 'label soft')}</g>`;
  });
  return html`<g>${frame}${cells}</g>`;
}

/**
 * @param {{ bytes: number, packages: any[] } | null | undefined} liveHeap @param {string} cwd
 * @returns {unknown} nothing without a snapshot
 */
function treemap(liveHeap, cwd) {
  if (!(liveHeap?.bytes > 0)) return null;
  const areas = areasOf(liveHeap);
  const label = `live heap, ${bytes(liveHeap.bytes)}: ${areas.map((area) => `${titleOf(area.name)} ${bytes(area.bytes)}`).join(', ')}`;
  const maps = Object.entries(SIZES).map(([name, size]) => {
    const boxes = squarify(
      areas.map((area) => area.bytes),
      { x: 0, y: 0, width: size.width, height: size.height },
    );
    return html`<svg class="map ${name}" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="${label}">${areas.map((area, at) => html`<g>${areaOf(area, boxes[at], size, { cwd, all: liveHeap.bytes })}</g>`)}</svg>`;
  });
  return html`<figure class="card"><figcaption><strong>${bytes(liveHeap.bytes)} in the last snapshot</strong><span class="soft">by package and module; objects of Node's classes count for Node</span></figcaption>${maps}</figure>`;
}

module.exports = { treemap, areasOf, modulesOf };
