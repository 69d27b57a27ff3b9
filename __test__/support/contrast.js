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

function measure() {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('title')) continue;
    const style = getComputedStyle(element);
    const front = luminance(channels(element.closest('svg') ? style.fill : style.color));
    const back = luminance(behind(element));
    found.push({
      text: walker.currentNode.data.trim(),
      ratio: (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05),
    });
  }
  return found;
}

/** An expression for the page: [{text, ratio}]. */
const contrasts = `(() => { ${[channels, luminance, behind, measure].join('\n')}; return measure(); })()`;

module.exports = { contrasts };
