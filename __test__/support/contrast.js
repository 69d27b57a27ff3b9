'use strict';
// Runs in a page: the contrast of each text with what is painted behind it (WCAG 2.2, 1.4.3).
/* global document, getComputedStyle, NodeFilter */

function channels(colour) {
  return colour.match(/[\d.]+/g).map(Number);
}

function luminance([red, green, blue]) {
  const linear = [red, green, blue].map((c) =>
    c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4,
  );
  return linear[0] * 0.2126 + linear[1] * 0.7152 + linear[2] * 0.0722;
}

function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const colour = channels(getComputedStyle(at).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
  return [255, 255, 255];
}

/** The rectangle that a text of an SVG is drawn on: the one before it in its group. */
function drawnOn(element) {
  for (let at = element.previousElementSibling; at; at = at.previousElementSibling) {
    const box = at.tagName === 'rect' ? at.getBBox() : null;
    const own = element.getBBox();
    if (box && own.x >= box.x - 1 && own.y >= box.y - 1 && own.y <= box.y + box.height) return at;
  }
  return null;
}

/** A colour over another one. */
function blended(front, back, alpha) {
  return front.slice(0, 3).map((value, at) => value * alpha + back[at] * (1 - alpha));
}

function paintedBehind(element) {
  const back = behind(element);
  const rect = element.closest('svg') && drawnOn(element);
  if (!rect) return back;
  const style = getComputedStyle(rect);
  return blended(channels(style.fill), back, Number(style.opacity));
}

function measure() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('title')) continue;
    const style = getComputedStyle(element);
    const front = luminance(channels(element.closest('svg') ? style.fill : style.color));
    const back = luminance(paintedBehind(element));
    found.push({
      text: walker.currentNode.data.trim(),
      ratio: (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05),
    });
  }
  return found;
}

/** An expression for the page: [{text, ratio}]. */
const contrasts = `(() => { ${[channels, luminance, behind, drawnOn, blended, paintedBehind, measure].join('\n')}; return measure(); })()`;

module.exports = { contrasts };
