'use strict';
// The examples of docs/analyze.md: of each cause the code, the report and the fix. Each is run as it stands there.
//   node __test__/causes/documented.js    writes the reports into the page
const fs = require('node:fs');
const path = require('node:path');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { reportOf } = require('../../lib/report/analyze.js');
const { render } = require('../../lib/report/terminal.js');
const { runProgram } = require('./run.js');

const PAGE = path.join(__dirname, '../../docs/analyze.md');
const ROOT = path.join(__dirname, '../..');

/** A section `### cause` with a js block, a text block and another js block. */
const EXAMPLE =
  /^### (\w+)\n[\s\S]*?```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```\n[\s\S]*?```js\n([\s\S]*?)```\n/gm;

/** @returns {{cause: string, leak: string, report: string, fix: string}[]} */
function examplesOf(page = fs.readFileSync(PAGE, 'utf8')) {
  return [...page.matchAll(EXAMPLE)].map(([, cause, leak, report, fix]) => ({ cause, leak, report, fix }));
}

/** A block begins with a comment that names its file, which exports what is done for each request. */
function programOf({ cause }, code, expect) {
  const [, file] = /^\/\/ (\S+\.js)\n/.exec(code);
  const server = `
    const server = require('node:http').createServer((req, res) => res.end('ok'));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1', () => drive((i) => step(i, server.address().port), { scale: 2, warm: 200 }));`;
  const drive = code.includes('port') ? server : 'drive((i) => step(i), { scale: 10, warm: 1200 });';
  const linked = {
    'node_modules/plimsoll/package.json': JSON.stringify({ name: 'plimsoll', main: path.join(ROOT, 'index.js') }),
  };
  return {
    title: `documented: ${cause}`,
    kind: 'cjs',
    files: { [file]: code, 'main.js': `const step = require('./${file}');\n${drive}`, ...linked },
    expect,
  };
}

/** What three snapshots of it say: the report, and as the terminal shows it, without the lines on the snapshots. */
async function reportFor(example, code) {
  const { dir, snapshots } = await runProgram(programOf(example, code, null), { random: () => 0 });
  try {
    const report = reportOf(JSON.parse(await requireAnalyzer().analyzeSnapshots(snapshots)));
    const text = render(report, { width: 110, cwd: dir }).replaceAll(/^ {2}snapshot .*\n/gm, '');
    return { report, text };
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

/** Sizes and counts differ between runs and versions of Node, as do what V8 compiled, the module that has the ring of timers and which way the ring is entered. */
const shapeOf = (text) =>
  text
    .replaceAll(/^ {2}growth .*\n(?: {12}.*\n)*/gm, '')
    .replaceAll(/_idle(?:Next|Prev)/g, '_idle*')
    .replaceAll('node:internal/timers', 'node:timers')
    .replaceAll(/[\d.,]+ ?(?:[KM]?B\b)?/g, '#')
    .replaceAll(/ +/g, ' ');

async function main() {
  let page = fs.readFileSync(PAGE, 'utf8');
  for (const example of examplesOf(page)) {
    const { text } = await reportFor(example, example.leak);
    page = page.replace(`\`\`\`text\n${example.report}\`\`\``, () => `\`\`\`text\n${text}\`\`\``);
    process.stdout.write(`${example.cause}\n${text}`);
    const fixed = await reportFor(example, example.fix);
    process.stdout.write(`fixed: ${fixed.text}\n`);
  }
  fs.writeFileSync(PAGE, page);
}

if (require.main === module) main();

module.exports = { examplesOf, reportFor, shapeOf };
