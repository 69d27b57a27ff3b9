'use strict';
// A headless Chromium of the system's, driven through the session that attach uses too.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const { Session } = require('../../lib/inspect/session.js');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** The path of a Chromium, or null. CHROMIUM names another. */
function findChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const places = (process.env.PATH ?? '')
    .split(path.delimiter)
    .flatMap((folder) => NAMES.map((name) => path.join(folder, name)));
  return places.find((file) => fs.existsSync(file)) ?? null;
}

/** @returns {Promise<{open(url: string, options?: object): Promise<Page>, close(): Promise<void>}>} */
async function startChromium() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-chromium-'));
  // --no-sandbox: tests run as root in containers; the page under test is our own.
  const child = spawn(
    findChromium(),
    [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--remote-debugging-port=0',
      `--user-data-dir=${profile}`,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let port = null;
  for await (const line of readline.createInterface({ input: child.stderr })) {
    port = /DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
    if (port) break;
  }
  child.stderr.resume();
  return {
    open: (url, options) => openPage(port, url, options),
    async close() {
      const gone = child.exitCode === null ? once(child, 'exit') : null;
      child.kill();
      await gone;
      fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** A page that is loaded, with what its console said. */
async function openPage(port, url, { width = 1100, height = 900, dark = false } = {}) {
  const target = await (await fetch(`http://127.0.0.1:${port}/json/new?about:blank`, { method: 'PUT' })).json();
  const session = await Session.connect(target.webSocketDebuggerUrl);
  const messages = [];
  session.on('Runtime.consoleAPICalled', ({ args }) => messages.push(args.map(({ value }) => value).join(' ')));
  session.on('Runtime.exceptionThrown', ({ exceptionDetails }) => messages.push(exceptionDetails.text));
  session.on('Log.entryAdded', ({ entry }) => messages.push(entry.text));
  session.on('Page.javascriptDialogOpening', ({ message }) => messages.push(`dialog: ${message}`));
  const requests = [];
  session.on('Network.requestWillBeSent', ({ request }) => requests.push(request.url));
  for (const domain of ['Runtime', 'Log', 'Page', 'Network', 'Accessibility']) await session.send(`${domain}.enable`);
  await session.send('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: 1,
    mobile: width < 600,
  });
  await session.send('Emulation.setEmulatedMedia', {
    features: [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }],
  });
  const loaded = once(session, 'Page.loadEventFired');
  await session.send('Page.navigate', { url });
  await loaded;
  return {
    messages,
    requests,
    evaluate: (expression) => session.evaluate(expression),
    send: (method, params) => session.send(method, params),
    on: (event, listener) => session.on(event, listener),
    async screenshot({ whole = false } = {}) {
      const { cssContentSize } = await session.send('Page.getLayoutMetrics');
      const clip = whole ? { clip: { ...cssContentSize, scale: 1 } } : {};
      const { data } = await session.send('Page.captureScreenshot', { captureBeyondViewport: true, ...clip });
      return Buffer.from(data, 'base64');
    },
    close: () => session.close(),
  };
}

module.exports = { findChromium, startChromium };
