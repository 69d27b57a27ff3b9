'use strict';
// What a terminal shows, with its colours (ECMA-48 SGR), as an SVG that follows the light or dark scheme.

const CELL = { width: 8, height: 18 };
const PADDING = 16;
const SGR = new RegExp(`${String.fromCharCode(27)}\\[([\\d;]*)m`);
/** The codes that node:util styleText writes for the colours of lib/report/terminal.js. */
const CLASSES = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow', 34: 'blue', 35: 'magenta', 36: 'cyan', 90: 'dim' };
/** What ends them. */
const ENDS = { 0: Object.values(CLASSES), 22: ['bold', 'dim'], 39: Object.values(CLASSES).filter((name) => name !== 'bold') };

const STYLE = `
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; white-space: pre }
rect { fill: #f6f8fa; stroke: #d0d7de }
.bold { font-weight: 700 } .dim { fill: #59636e } .red { fill: #b42318 } .green { fill: #1a7f37 } .yellow { fill: #7d4e00 } .blue, .cyan { fill: #0550ae } .magenta { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } rect { fill: #151b23; stroke: #3d444d }
.dim { fill: #9198a1 } .red { fill: #ff7b72 } .green { fill: #3fb950 } .yellow { fill: #d29922 } .blue, .cyan { fill: #79c0ff } .magenta { fill: #d2a8ff }
}`;

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Pieces of one line: its text, its column, its classes. `active` goes on to the next line. */
function pieces(line, active) {
  const list = [];
  let column = 0;
  for (const [at, part] of line.split(SGR).entries()) {
    if (at % 2 === 1) {
      for (const code of part === '' ? ['0'] : part.split(';')) {
        for (const name of ENDS[code] ?? []) active.delete(name);
        if (CLASSES[code] !== undefined) active.add(CLASSES[code]);
      }
    } else {
      if (part.trim() !== '') list.push({ text: part, column, classes: [...active] });
      column += [...part].length;
    }
  }
  return list;
}

/** @param {string} text @param {number} columns @returns {string} */
function svgOf(text, columns) {
  const lines = text.trimEnd().split('\n');
  const width = columns * CELL.width + 2 * PADDING;
  const height = lines.length * CELL.height + 2 * PADDING;
  const active = new Set();
  const rows = lines.flatMap((line, row) => pieces(line, active).map(({ text: piece, column, classes }) => {
    const [, before, shown] = /^(\s*)(.*?)\s*$/.exec(piece);
    // An explicit width aligns the columns in any font.
    const x = PADDING + (column + before.length) * CELL.width;
    const y = PADDING + row * CELL.height + 13;
    return `<text x="${x}" y="${y}" textLength="${[...shown].length * CELL.width}"${classes.length > 0 ? ` class="${classes.join(' ')}"` : ''}>${escaped(shown)}</text>`;
  }));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n<style>${STYLE}\n</style>\n<rect x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>\n${rows.join('\n')}\n</svg>\n`;
}

module.exports = { svgOf };
