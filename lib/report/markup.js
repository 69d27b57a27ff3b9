'use strict';
// HTML that cannot be broken out of: whatever is put into a template is escaped, unless it came out
// of one. Attributes in templates are always quoted.

const { printable } = require('./words.js');

const CLIP = 300;
const ENTITY = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;', '`': '&#96;' };

class Markup {
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
}

function escape(value) {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value)) return value.map(escape).join('');
  if (value === null || value === undefined || value === false) return '';
  // Cut before as well: a name may be a string of a hundred megabytes.
  const text = printable(String(value).slice(0, CLIP + 1));
  return (text.length > CLIP ? `${text.slice(0, CLIP)}…` : text).replace(/[&<>"'`]/g, (char) => ENTITY[char]);
}

/** The tag: html`<b>${name}</b>`. null, undefined and false are nothing; arrays are joined. */
function html(strings, ...values) {
  return new Markup(strings.reduce((text, part, at) => text + escape(values[at - 1]) + part));
}

/** Text that is neither escaped nor cut: plimsoll's style sheet, the coordinates of a curve. */
function trusted(text) {
  return new Markup(text);
}

module.exports = { html, trusted };
