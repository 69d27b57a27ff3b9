'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { createHash } = require('node:crypto');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const fc = require('../helpers/fast-check.js');
const { renderHtml } = require('../../lib/report/html.js');
const { leakReport, steadyReport } = require('../support/reports.js');
const { findChromium, startChromium } = require('../support/chromium.js');
const { contrasts } = require('../support/contrast.js');

const SOURCE = `'use strict';\n${'\n'.repeat(9)}// every login adds one\nconst sessions = new Map();\n\nfunction login(user) {\n\tsessions.set(token(), user);\n}\n`;
const read = (file) => (file.endsWith('session.js') ? SOURCE : null);
const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '</style><script>alert(2)</script>',
  '"><svg onload=alert(3)>',
  "' onmouseover='alert(4)",
  '<!--',
  ']]>',
  '&lt;b&gt;',
  '`${alert(5)}`',
  'javascript:alert(6)',
  '\u202egnp\u0000',
];

const frame = (functionName, url, lineNumber, selfSize, children = []) => ({
  callFrame: { functionName, url, lineNumber, columnNumber: 0, scriptId: '1' },
  selfSize,
  children,
});
/** An allocation profile as V8's inspector gives it. */
const profileOf = (name, file) =>
  frame('(root)', '', -1, 0, [
    frame('handle', 'node:internal/main', 1, 1000, [
      frame(name, `file://${file}`, 40, 60_000, [
        frame('serialize', '/srv/app/node_modules/express/lib/x.js', 9, 9000),
      ]),
    ]),
    frame('(V8 API)', '', -1, 2000),
  ]);
const profile = profileOf('login', '/srv/app/src/routes/login.js');

/** A report with a hostile text wherever a process can put a text of its own. */
function hostileReport(text) {
  const report = leakReport();
  for (const suspect of report.suspects) {
    Object.assign(suspect, {
      name: text,
      file: `/srv/${text}/session.js`,
      path: [text, text],
      advice: text,
      package: text,
    });
    for (const step of suspect.retainingPath) Object.assign(step, { name: text, type: text });
    suspect.instance.type = text;
    for (const site of suspect.sites) Object.assign(site, { function: text, file: text });
  }
  for (const each of report.liveHeap.packages) {
    each.name = text;
    for (const module of each.modules) module.file = text;
  }
  for (const snapshot of report.snapshots) Object.assign(snapshot, { path: text, reason: text });
  for (const item of [...report.caches, ...report.trackers]) item.name = text;
  for (const tracker of report.trackers) tracker.kind = text;
  Object.assign(report.process, { title: text, script: text, hostname: text, argv0: text });
  report.refusals[0].message = text;
  report.verdict.explanation = text;
  report.notes = [text];
  report.version = text;
  return report;
}

/** Evaluated in the page: the charts that are shown, by channel and size. */
const charts = `[...document.querySelectorAll('svg.chart')].filter((chart) => chart.getClientRects().length > 0).map((chart) => chart.className.baseVal.replace('chart ', ''))`;
const tags = (page) => page.match(/<[a-z!/][^\s>]*/gi);
const many = (value, n) => Array.from({ length: n }, () => value);

test('a suspect without a name has no empty code', () => {
  const report = leakReport();
  for (const suspect of report.suspects) suspect.name = '';
  assert.match(renderHtml(report, { read }), /<h3><span class="n">1\.<\/span> Map<\/h3>/);
});

test('the legend explains what is drawn, and nothing else', () => {
  const page = renderHtml(leakReport(), { read });
  const { series } = leakReport();
  const steady = renderHtml({ ...steadyReport(), series: { heap: series.heap } }, { read });
  for (const [what, drawn] of [
    [page, true],
    [steady, false],
  ]) {
    assert.equal(/<path class="fit" d="M(?!0 5H22)/.test(what), drawn);
    assert.equal(what.includes('fitted floor</li>'), drawn);
    assert.ok(what.includes('floor: the least of each interval'));
  }
});

test('the style sheet has the hash that the content security policy allows', () => {
  const page = renderHtml(steadyReport(), { read });
  const [, allowed] = /style-src 'sha256-([^']+)'/.exec(page);
  const [, style] = /<style>([\s\S]*?)<\/style>/.exec(page);
  assert.equal(createHash('sha256').update(style).digest('base64'), allowed);
});

test('the container is shown as far as it is known', () => {
  for (const [container, facts] of [
    [{ version: 1, limit: null, usage: 2 ** 20 }, 'cgroup v1: 1 MB, no limit'],
    [null, 'none found'],
    [undefined, undefined],
  ]) {
    const page = renderHtml({ ...steadyReport(), process: { ...leakReport().process, container } }, { read });
    assert.equal(/<dt>container<\/dt><dd>([^<]*)/.exec(page)?.[1], facts);
  }
});

/** Without the letters that a label has room for: a short name is drawn, a long one may not be. */
const unlabelled = (all) => all.filter((tag) => !/^<\/?text$/.test(tag));
const hostilePage = (text) =>
  renderHtml(hostileReport(text), { read, profile: profileOf(text, `/srv/${text}/login.js`) });

test('whatever the names are, the page holds the elements that it holds with harmless ones', () => {
  const shape = unlabelled(tags(hostilePage('harmless')));
  const texts = fc.oneof(
    fc.constantFrom(...HOSTILE),
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.mixedCase(fc.constantFrom(...HOSTILE)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      assert.deepEqual(unlabelled(tags(hostilePage(text))), shape);
    }),
  );
});

test('the page says what the report says', () => {
  const page = renderHtml(leakReport(), { read });
  for (const text of [
    'Heap leak, +3.1 MB/min over 33 min, 2 h 10 min to the limit of 512 MB',
    '+48,213 entries',
    'leak · +3.1 MB/min · 512 MB in 2 h 10 min',
    'src/session.js:12',
    'ERR_PLIMSOLL_NO_ROOM',
    'web-7',
    'cgroup v2: 300 MB of 512 MB',
    'full, with a hit ratio below 50 %',
  ]) {
    assert.ok(page.includes(text), text);
  }
  assert.match(page, /<span class="hit"><i>12<\/i>const sessions = new Map\(\);<\/span>/);
  assert.doesNotMatch(page, /<script/);
});

test('a report with next to nothing in it still makes a page', () => {
  const { schema, pid, node, uptimeMs, verdict } = steadyReport();
  const page = renderHtml({ schema, pid, node, uptimeMs, verdict, suspects: [], snapshots: [], series: {} });
  assert.match(page, /Steady for 33 min, no leak/);
  assert.doesNotMatch(page, /undefined|NaN|null|\[object/);
});

test('no figure of a full page is undefined or not a number', () => {
  assert.doesNotMatch(renderHtml(leakReport(), { read }), /undefined|NaN|Infinity|\[object/);
});

test('a place in source opens in the editor; a place of no file of this machine is text', () => {
  const report = leakReport();
  Object.assign(report.suspects[0], { file: '/srv/a b/#1?.js', line: 12, column: 7 });
  Object.assign(report.suspects[1], { file: 'node:events', line: 1 });
  const page = renderHtml(report, { read });
  assert.ok(page.includes('href="vscode://file/srv/a%20b/%231%3F.js:12:7"'));
  assert.doesNotMatch(page, /href="vscode:\/\/file\/node/);
  assert.equal(page.match(/href="(?!vscode:|https:\/\/www\.npmjs|data:)/g), null, 'no other link');
});

/** A site, with a link to its place. */
const siteAt = (name, file) =>
  new RegExp(`<li>${name} \\(<a class="place" [^>]*href="vscode://file/srv/app/${file}"[^>]*>[^<]*</a>\\)`);

test('the sites of a suspect and of what is tracked open in the editor', () => {
  const page = renderHtml(leakReport(), { read });
  assert.match(page, siteAt('login', 'src/routes/login.js:41:3'));
  assert.match(page, siteAt('\\(anonymous\\)', 'server.js:9:1'));
  assert.match(page, siteAt('onRequest', 'server.js:9(?::\\d+)?'));
});

test('the path leads through what grew to the instance, with the bytes of each step', () => {
  const page = renderHtml(leakReport(), { read });
  const [, steps] = /<ol class="objects">([^]*?)<\/ol>/.exec(page);
  const text = steps.replaceAll(/<\/?(b|em|span)[^>]*>/g, '');
  assert.equal(
    text,
    '<li class="step">module src/session.js (scope)121 MB</li><li class="grown">sessions Map106 MB</li><li class="instance">(entry) Session a typical one of 48,2132 KB</li>',
  );
});

test('what a container shares with another holder counts on its path, as in the bytes of the suspect', () => {
  const report = leakReport();
  const [{ retainingPath }] = report.suspects;
  retainingPath[0].retained = 300_000;
  retainingPath[1].retained = 299_000;
  const [, steps] = /<ol class="objects">([^]*?)<\/ol>/.exec(renderHtml(report, { read }));
  const shown = [...steps.matchAll(/<span class="num">([^<]*)/g)].map(([, size]) => size);
  assert.deepEqual(shown, ['106 MB', '106 MB', '2 KB']);
  assert.match(steps, /sessions<\/b>.*292 KB alone, the rest with other holders/);
  assert.doesNotMatch(renderHtml(leakReport(), { read }), / alone, /);
});

test('the function that adds to a suspect is named beside what allocates', () => {
  const report = leakReport();
  report.suspects[0].adder = { function: 'open', file: '/srv/app/src/session.js', line: 14, column: 10 };
  const added = /<dt>added by<\/dt><dd><ul class="sites"><li>open \(<a [^>]*session\.js:14:10">/;
  assert.match(renderHtml(report, { read }), added);
  report.suspects[0].sites = [{ ...report.suspects[0].adder, share: 1 }];
  assert.doesNotMatch(renderHtml(report, { read }), added);
});

test('a report of an earlier version, without paths in bytes, has the names', () => {
  const report = leakReport();
  delete report.growth.heapBytes;
  delete report.liveHeap;
  for (const suspect of report.suspects) {
    delete suspect.retainingPath;
    delete suspect.instance;
  }
  const page = renderHtml(report, { read });
  assert.match(page, /<ol class="path"><li>module src\/session\.js<\/li><li>sessions<\/li><\/ol>/);
  assert.doesNotMatch(page, /undefined|NaN|class="bars"|class="map/);
});

test('however much there is, the page stays below 1 MB', () => {
  const report = leakReport();
  const [suspect] = report.suspects;
  const long = '"漢'.repeat(100_000);
  report.suspects = many(
    {
      ...suspect,
      name: long,
      path: many(long, 500),
      sites: many({ ...suspect.sites[0], function: long }, 100),
      advice: long,
    },
    500,
  );
  report.snapshots = many({ ...report.snapshots[0], path: long }, 500);
  report.caches = many({ ...report.caches[0], name: long }, 5000);
  report.trackers = many({ ...report.trackers[0], name: long, sites: many(report.trackers[0].sites[0], 100) }, 5000);
  report.series.heap = Array.from({ length: 5000 }, (_, at) => [at, at, at]);
  report.collections = Array.from({ length: 20_000 }, (_, at) => [at, at, 'natural']);
  report.probes = Array.from({ length: 5000 }, (_, at) => ({ tMs: at }));
  report.notes = many(long, 5000);
  report.suspects.forEach((each) => (each.retainingPath = many({ name: long, type: long, id: 1, retained: 1 }, 500)));
  const modules = many({ file: long, bytes: 2 ** 20, count: 1 }, 500);
  report.liveHeap.packages = many({ name: long, bytes: 500 * 2 ** 20, count: 500, modules }, 100);
  report.liveHeap.bytes = 50_000 * 2 ** 20;
  const wide = frame(long, long, 1, 1, many(frame(long, long, 1, 1000), 5000));
  const deep = Array.from({ length: 500 }).reduce((child) => frame(long, long, 1, 1, [child]), wide);
  assert.ok(Buffer.byteLength(renderHtml(report, { read, profile: deep })) < 2 ** 20);
});

test(
  'in a browser',
  { skip: findChromium() === null && 'no Chromium here: apt-get install chromium, or CHROMIUM=path' },
  async (t) => {
    const browser = await startChromium();
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-page-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    t.after(() => browser.close());
    const open = async (report, options) => {
      const file = path.join(folder, 'report.html');
      fs.writeFileSync(file, renderHtml(report, { read, profile }));
      const page = await browser.open(pathToFileURL(file).href, options);
      t.after(() => page.close());
      return page;
    };

    await t.test('no console message, no request, the content is there, and the screenshot is not blank', async () => {
      const page = await open(leakReport());
      assert.deepEqual(page.messages, []);
      assert.deepEqual(
        page.requests.filter((url) => !/^(file|data):/.test(url)),
        [],
      );
      const text = await page.evaluate('document.body.innerText');
      for (const part of ['2 h 10 min to the limit', 'sessions', 'src/session.js:12', 'Snapshots', 'Caches', 'Process'])
        assert.ok(text.includes(part), part);
      assert.deepEqual(await page.evaluate(charts), ['heap wide', 'external half', 'native half']);
      // The style sheet is applied: the policy's hash is the one of the sheet.
      assert.equal(await page.evaluate('getComputedStyle(document.querySelector(".line")).fill'), 'none');
      assert.ok((await page.screenshot()).length > 50_000);
    });

    await t.test(
      'pictures for a person, where PLIMSOLL_SCREENSHOTS names a folder',
      { skip: !process.env.PLIMSOLL_SCREENSHOTS && 'not asked for' },
      async () => {
        for (const [name, options] of Object.entries({
          light: {},
          dark: { dark: true },
          phone: { width: 390, height: 800 },
          'phone-dark': { width: 390, height: 800, dark: true },
        })) {
          const page = await open(leakReport(), options);
          fs.writeFileSync(
            path.join(process.env.PLIMSOLL_SCREENSHOTS, `${name}.png`),
            await page.screenshot({ whole: true }),
          );
          page.close();
        }
      },
    );

    await t.test('light, dark and at 390 px it is painted in its colours, and nothing is cut off', async () => {
      const paper = 'getComputedStyle(document.body).backgroundColor';
      const views = [{}, { dark: true }, { width: 390, height: 800 }, { width: 390, height: 800, dark: true }];
      const pictures = [];
      for (const options of views) {
        const page = await open(leakReport(), options);
        const [width, scroll] = await page.evaluate(
          '[document.documentElement.clientWidth, document.documentElement.scrollWidth]',
        );
        assert.equal(scroll, width, JSON.stringify(options));
        assert.equal(await page.evaluate(paper), options.dark ? 'rgb(17, 22, 29)' : 'rgb(246, 247, 249)');
        const cut = `[...document.querySelectorAll('pre, .objects li, .bars, .figures div, .scroll, h1, h3')]
          .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent)`;
        assert.deepEqual(await page.evaluate(cut), []);
        pictures.push((await page.screenshot({ whole: true })).toString('base64'));
        page.close();
      }
      assert.equal(new Set(pictures).size, views.length, 'each view is a picture of its own');
      for (const picture of pictures) assert.ok(picture.length > 50_000);
    });

    await t.test('letters of the treemap and the flame graph stay within their rectangles', async () => {
      for (const width of [1100, 390]) {
        const page = await open(leakReport(), { width, height: 800 });
        const [drawn, outside] = await page.evaluate(`(() => {
          const shown = [...document.querySelectorAll('.map .label, .flame .label')].filter((label) => label.getClientRects().length > 0);
          const isOutside = (label) => {
            const [own, box] = [label, label.parentElement.querySelector('rect')].map((each) => each.getBoundingClientRect());
            return own.right > box.right + 1 || own.bottom > box.bottom + 1;
          };
          return [shown.length, shown.filter(isOutside).map((label) => label.textContent)];
        })()`);
        assert.ok(drawn > 10, `${drawn} labels at ${width}`);
        assert.deepEqual(outside, []);
        page.close();
      }
    });

    await t.test('hostile names run nothing', async () => {
      for (const text of HOSTILE) {
        const page = await open(hostileReport(text));
        assert.deepEqual(page.messages, [], text);
        assert.equal(
          await page.evaluate('document.querySelectorAll("img, script, [onerror], [onload], [onmouseover]").length'),
          0,
        );
        page.close();
      }
    });

    await t.test('a snippet is selected as a whole', async () => {
      const page = await open(leakReport());
      assert.equal(await page.evaluate('getComputedStyle(document.querySelector(".snippet")).userSelect'), 'all');
      page.close();
    });

    await t.test('fits a phone: nothing is wider than the screen but what scrolls by itself', async () => {
      for (const report of [leakReport(), hostileReport('x'.repeat(300)), steadyReport()]) {
        const page = await open(report, { width: 360, height: 800 });
        assert.ok((await page.evaluate('document.documentElement.scrollWidth')) <= 360);
        assert.deepEqual(
          await page.evaluate(
            '[...document.querySelectorAll("td")].filter((cell) => cell.scrollWidth > cell.clientWidth).map((cell) => cell.textContent)',
          ),
          [],
          'no cell runs into the next',
        );
        page.close();
      }
    });

    await t.test('charts can be read on a phone', async () => {
      const page = await open(leakReport(), { width: 360, height: 800 });
      assert.deepEqual(await page.evaluate(charts), ['heap half', 'external half', 'native half']);
      const letters =
        await page.evaluate(`[...document.querySelectorAll('.chart .tick')].filter((tick) => tick.getClientRects().length > 0)
      .map((tick) => parseFloat(getComputedStyle(tick).fontSize) * tick.ownerSVGElement.clientWidth / tick.ownerSVGElement.viewBox.baseVal.width)`);
      assert.ok(letters.length > 15);
      for (const pixels of letters) assert.ok(pixels >= 9, `letters of ${pixels.toFixed(1)} px`);
      page.close();
    });

    await t.test('the letters of a chart lie within it', async () => {
      const near = leakReport();
      Object.assign(near.verdict.channels[0], { msToLimit: 29 * 60_000, limitBytes: 250 * 2 ** 20 });
      for (const report of [leakReport(), near]) {
        for (const width of [1100, 390]) {
          const page = await open(report, { width, height: 800 });
          const outside = `[...document.querySelectorAll('.chart .tick')].filter((tick) => {
            const [own, box] = [tick, tick.ownerSVGElement].map((each) => each.getBoundingClientRect());
            return own.width > 0 && (own.left < box.left - 1 || own.right > box.right + 1 || own.top < box.top - 1);
          }).map((tick) => tick.textContent)`;
          assert.deepEqual(await page.evaluate(outside), []);
          page.close();
        }
      }
    });

    await t.test('text has the contrast that WCAG AA asks for, light and dark', async () => {
      for (const dark of [false, true]) {
        const page = await open(leakReport(), { dark });
        const ratios = await page.evaluate(contrasts);
        assert.ok(ratios.length > 30);
        for (const { text, ratio } of ratios)
          assert.ok(ratio >= 4.5, `${dark ? 'dark' : 'light'}: ${text} has ${ratio.toFixed(2)}`);
        page.close();
      }
    });

    await t.test('charts have names, tables have headers, headings are in order', async () => {
      const page = await open(leakReport());
      const { nodes } = await page.send('Accessibility.getFullAXTree');
      const named = (role) => nodes.filter((node) => node.role?.value === role).map((node) => node.name?.value ?? '');
      assert.equal(named('image').filter((name) => /heap: 60 MB at 0 ms/.test(name)).length, 1);
      assert.ok([...named('image'), ...named('table'), ...named('heading')].every((name) => name.length > 0));
      assert.ok(named('columnheader').length > 10);
      const levels = await page.evaluate('[...document.querySelectorAll("h1,h2,h3")].map((h) => Number(h.tagName[1]))');
      assert.equal(levels[0], 1);
      assert.ok(levels.every((level, at) => at === 0 || level <= levels[at - 1] + 1));
      assert.equal(await page.evaluate('document.documentElement.lang'), 'en');
    });
  },
);
