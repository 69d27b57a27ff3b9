'use strict';
// The causes, units, states and channels of lib/vocabulary.js are in each place that lists them: Rust, the types, the
// schema, the documentation, the test programs. Each has words in every view.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const schema = require('../../docs/report.schema.json');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { native } = require('../../lib/native.js');
const { renderHtml } = require('../../lib/report/html.js');
const { render } = require('../../lib/report/terminal.js');
const { headline } = require('../../lib/report/words.js');
const { CAUSES, UNITS, STATES, CHANNELS } = require('../../lib/vocabulary.js');
const { examplesOf } = require('../causes/documented.js');
const { programs } = require('../causes/programs.js');
const { leakReport, steadyReport } = require('../support/reports.js');

const ROOT = path.join(__dirname, '../..');
const causes = Object.keys(CAUSES);
const fromSnapshots = causes.filter((cause) => CAUSES[cause].isFromSnapshots);
const units = Object.keys(UNITS);
const states = Object.keys(STATES);
const channels = Object.keys(CHANNELS);

const types = fs.readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');
const membersOf = (text) => [...text.matchAll(/'([^']+)'/g)].map(([, member]) => member);
/** The members of `export type NAME = 'a' | 'b';`. */
const union = (name) => membersOf(new RegExp(`export type ${name} =([^;]+);`).exec(types)[1]);

const page = (report) => renderHtml(report);
const terminal = (report) => render(report, { width: 100 });
/** What a view shows of a report with this suspect only. */
const shown = (view, suspect) => view({ ...leakReport(), suspects: [{ ...leakReport().suspects[0], ...suspect }] });

test('the types have them', () => {
  assert.deepEqual(union('Cause'), causes);
  assert.deepEqual(membersOf(/^ {2}unit\?: ([^;]+);/m.exec(types)[1]), units);
  assert.deepEqual(union('VerdictState'), states);
  assert.deepEqual(union('Channel'), channels);
});

test('the schema has them', () => {
  assert.deepEqual(schema.$defs.cause.enum, causes);
  assert.deepEqual(schema.$defs.suspect.properties.unit.enum, units);
  assert.deepEqual(schema.$defs.state.enum, states);
  assert.deepEqual(schema.$defs.channel.enum, channels);
});

test('Rust has them', () => {
  assert.deepEqual(JSON.parse(requireAnalyzer().analyzerVocabulary()), { causes: fromSnapshots, units });
  const facts = JSON.parse(native.facts());
  assert.deepEqual({ states: facts.states, channels: facts.channels }, { states, channels });
});

test('the documentation has an example of each cause, and the page on detection each state', () => {
  assert.deepEqual(
    examplesOf().map(({ cause }) => cause),
    fromSnapshots,
  );
  const detection = fs.readFileSync(path.join(ROOT, 'docs/detection.md'), 'utf8');
  for (const state of states) assert.ok(detection.includes(`\`${state}\``), state);
});

test('a test program has each cause', () => {
  const expected = new Set(programs.flatMap(({ expect }) => expect?.cause ?? []));
  for (const cause of fromSnapshots) assert.ok(expected.has(cause), cause);
});

test('no word is empty', () => {
  for (const [cause, { kind, counted, sites }] of Object.entries(CAUSES)) {
    assert.deepEqual([counted.length, counted.every(Boolean), Boolean(sites)], [2, true, true], cause);
    assert.equal(kind === '', cause === 'other', cause);
  }
  for (const words of Object.values(UNITS)) assert.deepEqual([words.length, words.every(Boolean)], [2, true]);
  for (const label of [...Object.values(STATES), ...Object.values(CHANNELS)]) assert.ok(label);
});

test('each view shows the words of each cause and unit', () => {
  for (const view of [terminal, page]) {
    for (const cause of causes) {
      const { kind, counted, sites } = CAUSES[cause];
      const several = shown(view, { cause, name: 'it', count: 31, unit: undefined });
      for (const words of [kind, `+31 ${counted[1]}`, sites]) assert.ok(several.includes(words), `${cause}: ${words}`);
      assert.match(shown(view, { cause, name: 'it', count: 1, unit: undefined }), RegExp(`\\+1 ${counted[0]}\\b`));
      const unnamed = shown(view, { cause, name: '' });
      assert.ok(unnamed.includes(kind.replace(/ of$/, '') || 'objects'), cause);
    }
    for (const unit of units) assert.ok(shown(view, { count: 31, unit }).includes(`+31 ${UNITS[unit][1]}`), unit);
  }
});

test('each state has a headline and a label of its own, and each channel a chart with its title', () => {
  const views = states.map((state) => {
    const report = { ...steadyReport() };
    report.verdict = { ...report.verdict, state, channel: 'heap' };
    const [, label] = /<span class="state [a-z-]+">([^<]*)</.exec(renderHtml(report));
    return [headline(report), label];
  });
  for (const column of [0, 1]) assert.equal(new Set(views.map((view) => view[column])).size, states.length);
  for (const [sentence, label] of views) assert.doesNotMatch(`${sentence} ${label}`, /undefined|null/);
  for (const channel of channels) assert.ok(renderHtml(leakReport()).includes(CHANNELS[channel]), channel);
});
