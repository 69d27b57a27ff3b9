'use strict';
// node docs/images/make.js [report.json]: makes the pictures of this folder and the README's block from a real run of
// examples/leaky-service.js under load (about two minutes and a half), or regenerates them from the report of an earlier run. Needs Chromium.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { pathToFileURL } = require('node:url');
const { startLoad } = require('../../lib/cli/load.js');
const { renderHtml } = require('../../lib/report/html.js');
const { render } = require('../../lib/report/terminal.js');
const { startChromium } = require('../../__test__/support/chromium.js');
const { svgOf } = require('./svg.js');

const ROOT = path.join(__dirname, '../..');
/** Where the service of the pictures lives: no path of this machine is shown. */
const SHOWN = '/srv/shop';
const COMMAND = ['run', '--window', '20s', '--interval', '500ms', '--duration', '2m', '--limit', '512m', 'examples/leaky-service.js'];
const RATE = 250;
const WIDTH = 100;
const REPORT = path.join(__dirname, 'report.json');
const at = (name) => path.join(__dirname, name);

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs the command line as a user does; the report goes to report.json. */
async function observe() {
  const port = await freePort();
  const [, ...args] = COMMAND;
  const env = { ...process.env, PORT: String(port), NODE_OPTIONS: '--max-old-space-size=256', PLIMSOLL_DIR: fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'plimsoll-images-')) };
  const child = spawn(process.execPath, [path.join(ROOT, 'bin/plimsoll.js'), 'run', '--json', REPORT, ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data'); // listening
  const load = startLoad({ port, rate: RATE });
  const [code] = await once(child, 'exit');
  load.stop();
  fs.rmSync(env.PLIMSOLL_DIR, { recursive: true });
  if (code !== 3) throw new Error(`the run ended with ${code}, not with 3: no leak was found`);
  const text = fs.readFileSync(REPORT, 'utf8').replaceAll(env.PLIMSOLL_DIR, SHOWN).replaceAll(ROOT, SHOWN);
  const report = JSON.parse(text);
  report.process.hostname = 'shop-1';
  fs.writeFileSync(REPORT, `${JSON.stringify(report)}\n`);
}

async function photograph(report) {
  const read = (file) => fs.readFileSync(file.replace(SHOWN, ROOT), 'utf8');
  const file = path.join(fs.mkdtempSync(path.join(require('node:os').tmpdir(), 'plimsoll-page-')), 'report.html');
  fs.writeFileSync(file, renderHtml(report, { read }));
  const browser = await startChromium();
  try {
    for (const [name, dark] of [['report.webp', false], ['report-dark.webp', true]]) {
      const [width, height] = [900, 1420];
      const page = await browser.open(pathToFileURL(file).href, { width, height, dark });
      const { data } = await page.send('Page.captureScreenshot', { format: 'webp', quality: 80, clip: { x: 0, y: 0, width, height, scale: 1 }, captureBeyondViewport: true });
      fs.writeFileSync(at(name), Buffer.from(data, 'base64'));
      page.close();
    }
  } finally {
    await browser.close();
    fs.rmSync(path.dirname(file), { recursive: true });
  }
}

async function make() {
  if (process.argv[2] === undefined) await observe();
  const report = JSON.parse(fs.readFileSync(process.argv[2] ?? REPORT, 'utf8'));
  const view = { width: WIDTH, cwd: SHOWN, files: [] };
  fs.writeFileSync(at('terminal.svg'), svgOf(`$ npx plimsoll ${COMMAND.join(' ')}\n\n${render(report, { ...view, color: true })}`, WIDTH + 4));
  const readme = path.join(ROOT, 'README.md');
  const block = /(<!-- docs\/images\/make\.js -->\n```text\n)[^]*?(```)/;
  fs.writeFileSync(readme, fs.readFileSync(readme, 'utf8').replace(block, (_, before, after) => before + render(report, view) + after));
  await photograph(report);
}

make();
