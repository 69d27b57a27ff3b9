'use strict';
// Layouts of rectangles for the treemap and the flame graph. Pure: weights in, coordinates out.

/** @typedef {{ x: number, y: number, width: number, height: number }} Box */

/** The worst ratio of sides of items that share a strip of this length. @param {number[]} areas @param {number} side */
function worst(areas, side) {
  const sum = areas.reduce((all, area) => all + area, 0);
  const ratio = (area) => Math.max((side * side * area) / (sum * sum), (sum * sum) / (side * side * area));
  return Math.max(...areas.map(ratio));
}

/**
 * Squarified treemap (Bruls, Huizing, van Wijk 2000): items fill the box, each with an area by its weight.
 * @param {number[]} weights positive, the largest first @param {Box} box @returns {Box[]} in the same order
 */
function squarify(weights, box) {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const scale = (box.width * box.height) / total;
  const areas = weights.map((weight) => weight * scale);
  const boxes = [];
  let { x, y, width, height } = box;
  for (let next = 0; next < areas.length;) {
    const side = Math.min(width, height);
    let end = next + 1;
    while (end < areas.length && worst(areas.slice(next, end + 1), side) <= worst(areas.slice(next, end), side)) end++;
    const strip = areas.slice(next, end);
    const depth = Math.min(strip.reduce((sum, area) => sum + area, 0) / side, Math.max(width, height));
    const isUpright = width >= height;
    let along = isUpright ? y : x;
    for (const area of strip) {
      const length = depth > 0 ? area / depth : 0;
      boxes.push(
        isUpright ? { x, y: along, width: depth, height: length } : { x: along, y, width: length, height: depth },
      );
      along += length;
    }
    if (isUpright) [x, width] = [x + depth, Math.max(0, width - depth)];
    else [y, height] = [y + depth, Math.max(0, height - depth)];
    next = end;
  }
  return boxes;
}

/**
 * @template F @typedef {{ frame: F, depth: number, x: number, width: number, bytes: number }} Bar `x` and `width` are
 * shares of the whole
 */

/**
 * An icicle: each call below its caller, as wide as its bytes, the widest first. Narrow and deep ones are left out, and
 * of more than `most` the narrowest.
 * @template F
 * @param {{ frame: F, bytes: number, children: any[] }} root
 * @param {{ least: number, deepest: number, most: number }} limits
 * @returns {Bar<F>[]}
 */
function icicle(root, { least, deepest, most }) {
  const bars = [];
  const place = ({ frame, bytes, children }, depth, x) => {
    const width = bytes / root.bytes;
    if (!(width >= least) || depth > deepest) return;
    bars.push({ frame, depth, x, width, bytes });
    let from = x;
    for (const child of children.toSorted((a, b) => b.bytes - a.bytes)) {
      place(child, depth + 1, from);
      from += child.bytes / root.bytes;
    }
  };
  if (root.bytes > 0) place(root, 0, 0);
  return bars.toSorted((a, b) => b.width - a.width || a.depth - b.depth).slice(0, most);
}

module.exports = { squarify, icicle };
