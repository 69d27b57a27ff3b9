'use strict';
// A fleet as one page: no script, no network, in the style of the report's page.

const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { html, trusted } = require('../report/markup.js');
const { count } = require('../report/units.js');
const { factsOf, headlineOf, titleOf, moment } = require('./terminal.js');

/** A browser shows this many without delay. */
const MOST = { leaks: 200, notes: 100 };

const styleSheet = () => fs.readFileSync(path.join(__dirname, '../report/page.css'), 'utf8');

const card = (leak) => html`<section class="card">
<h3>${titleOf(leak)}</h3>
<dl class="facts">${factsOf(leak).map(([label, text]) => html`<dt>${label}</dt><dd>${text}</dd>`)}</dl>
</section>`;

/** @param {any} fleet plimsoll.fleet/1 @returns {string} */
function renderHtml(fleet) {
  const style = styleSheet();
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  const more = fleet.leaks.length - MOST.leaks;
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${headlineOf(fleet)}</title>
<style>${trusted(style)}</style>
</head>
<body>
<h1>${headlineOf(fleet)}</h1>
<p class="soft">Reports from ${moment(fleet.firstSeen)} to ${moment(fleet.lastSeen)}</p>
${fleet.leaks.slice(0, MOST.leaks).map(card)}
${more > 0 && html`<p>${count(more)} more leaks are in the JSON.</p>`}
${fleet.notes.length > 0 && html`<h2>Notes</h2><ul>${fleet.notes.slice(0, MOST.notes).map((note) => html`<li>${note}</li>`)}</ul>`}
</body>
</html>
`}`;
}

module.exports = { renderHtml };
