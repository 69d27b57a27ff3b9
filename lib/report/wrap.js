'use strict';
// Text in the cells of a terminal.

// East Asian wide and emoji take two cells, what combines takes none.
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const NONE = /[\p{Mn}\p{Me}]/u;

function cells(text) {
  let width = 0;
  for (const char of text) width += WIDE.test(char) ? 2 : NONE.test(char) ? 0 : 1;
  return width;
}

/**
 * Breaks at spaces, and within a word only where the word alone is too wide.
 * @returns {string[]} at least one line
 */
function wrap(text, width) {
  const lines = [];
  let line = '';
  for (let word of text.split(' ')) {
    if (line !== '' && cells(line) + 1 + cells(word) <= width) {
      line += ` ${word}`;
      continue;
    }
    if (line !== '') lines.push(line);
    for (; cells(word) > width; word = word.slice(head(word, width).length)) lines.push(head(word, width));
    line = word;
  }
  lines.push(line);
  return lines;
}

/** As much of a word as `width` cells hold, one character at least. */
function head(word, width) {
  let taking = '';
  let used = 0;
  for (const char of word) {
    used += cells(char);
    if (used > width && taking !== '') break;
    taking += char;
  }
  return taking;
}

module.exports = { cells, wrap };
