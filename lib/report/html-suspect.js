'use strict';
// A suspect of the page: what grew and by how much, the retaining path down to a typical instance, where it was
// allocated, what to write instead, and the lines of source.

const path = require('node:path');
const { sparkline } = require('./chart.js');
const { adderOf } = require('./adder.js');
const { html, trusted } = require('./markup.js');
const { snippet } = require('./snippet.js');
const { bytes, count, rate } = require('./units.js');
const { kindOf, clipped, place, gained, extent, nativeLine, siteVerb, siteWords, mergedSites } = require('./words.js');

/** From this share on the container holds what it leads to by itself. */
const MOSTLY = 0.9;

/** Limits, so that a browser can show the page of any heap. */
const MOST = { sites: 8, steps: 16, letters: 80 };

/** A package is its name, or a name and a version. */
function packageName(of) {
  return typeof of === 'string' ? of : [of.name, of.version].filter(Boolean).join('@');
}

/**
 * A place in source as a link that opens it in VS Code; where no file of this machine is known, its text.
 * @param {{ file?: string | null, line?: number | null, column?: number | null }} where @param {string} cwd
 */
function sourceLink({ file, line, column }, cwd) {
  const text = place({ file, line }, cwd);
  if (!text) return null;
  if (!path.isAbsolute(file) || /^[\\/]{2}/.test(file)) return html`<span class="place">${text}</span>`;
  const parts = file.toWellFormed().split(/[\\/]/).map(encodeURIComponent);
  const at = [line, line && column].filter(Boolean).map((n) => `:${Number(n)}`);
  return html`<a class="place" title="open in VS Code" href="vscode://file/${parts.filter(Boolean).join('/')}${at}">${text}</a>`;
}

/** Where objects are allocated, added or created. @param {any[]} sites @param {string} cwd */
function siteList(sites, cwd) {
  const lines = mergedSites(sites, MOST.sites).map((site) => {
    const { name, size } = siteWords(site);
    const link = sourceLink(site, cwd);
    return html`<li>${name}${link && html` (${link})`}${size && html` <span class="num">${size}</span>`}</li>`;
  });
  return html`<ul class="sites">${lines}</ul>`;
}

/** The middle of what is too long is left out. */
const ends = (steps, middle) =>
  steps.length > MOST.steps ? [...steps.slice(0, MOST.steps / 2), middle, ...steps.slice(-MOST.steps / 2)] : steps;

/** The names alone, where no snapshot has the objects. */
const names = (steps) => html`<ol class="path">${ends(steps, '…').map((step) => html`<li>${step}</li>`)}</ol>`;

/**
 * Each object from the root to the instance, with what it retains. Objects that the container shares with another
 * holder are retained by neither alone: down to the container all that the suspect holds counts, as in its bytes.
 */
function objects({ retainingPath, instance, path: named, count: many, retained }) {
  const container = named.at(-1);
  const at = retainingPath.findLastIndex(({ name }) => name === container);
  const held = retained?.at(-1) ?? 0;
  const rows = retainingPath.map((step, index) => ({
    ...step,
    alone: index === at && step.retained < held * MOSTLY ? step.retained : null,
    retained: index <= at ? Math.max(step.retained, held) : step.retained,
    kind: instance?.id === step.id && index === retainingPath.length - 1 ? 'instance' : index === at ? 'grown' : 'step',
  }));
  return html`<ol class="objects">${ends(rows, null).map((row) =>
    row === null
      ? html`<li class="step"><span>…</span></li>`
      : html`<li class="${row.kind}"><span class="what"><b>${clipped(row.name === '()' ? '(anonymous)' : row.name, MOST.letters)}</b> <span class="soft">${clipped(row.type, MOST.letters)}</span>${row.kind === 'instance' && html` <em>${many > 1 ? `a typical one of ${count(many)}` : 'instance'}</em>`}${row.alone !== null && html` <em class="shared">${bytes(row.alone)} alone, the rest with other holders</em>`}</span><span class="num">${bytes(row.retained)}</span></li>`,
  )}</ol>`;
}

function details(suspect, { cwd, redact }) {
  const { cause, sites, advice, retainingPath = [] } = suspect;
  const adder = adderOf(suspect);
  const link = sourceLink(suspect, cwd);
  const code = snippet(suspect, redact);
  const steps = retainingPath.length > 0 ? objects(suspect) : suspect.path.length > 0 && names(suspect.path);
  return [
    link && ['defined at', link],
    suspect.package && ['package', packageName(suspect.package)],
    steps && ['retained by', steps],
    nativeLine(suspect) !== '' && ['native memory', nativeLine(suspect)],
    adder && ['added by', siteList([adder], cwd)],
    sites.length > 0 && [siteVerb(cause), siteList(sites, cwd)],
    suspect.knownLeak && ['known', suspect.knownLeak.text],
    advice && ['try', html`<span class="advice">${advice}</span>`],
    code && [
      'paste',
      html`<pre class="snippet" title="click to select all of it">${code.split('\n').map((line, at) => html`${trusted(at > 0 ? '\n' : '')}${line}`)}</pre>`,
    ],
  ].filter(Boolean);
}

/**
 * @param {any} suspect @param {number} number @param {{ cwd: string, redact: boolean, times: number[] | null,
 * quote: (suspect: any) => { line: number, text: string, hit: boolean }[] }} view
 */
function suspectCard(suspect, number, view) {
  const { name, growth = [] } = suspect;
  const lines = view.quote(suspect);
  const { times } = view;
  const pace = [
    suspect.count != null && gained(suspect),
    suspect.bytesPerMinute != null && rate(suspect.bytesPerMinute),
  ]
    .filter(Boolean)
    .join(' · ');
  return html`<article class="card suspect">
<h3><span class="n">${number}.</span> ${kindOf(suspect)}${name && html` <code>${name}</code>`}</h3>
<div class="grown">${suspect.bytes != null && html`<strong>${extent(suspect)}</strong>`}
<span class="soft">${pace}</span>
${growth.length > 1 && sparkline(growth, times?.length === growth.length ? times : null)}</div>
<dl>${details(suspect, view).map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>
${lines.length > 0 && html`<pre class="source" aria-label="source of ${place(suspect, view.cwd)}">${lines.map(({ line, text, hit }) => html`<span class="${hit ? 'hit' : 'code'}"><i>${line}</i>${text}</span>`)}</pre>`}
</article>\n`;
}

module.exports = { suspectCard, siteList, sourceLink };
