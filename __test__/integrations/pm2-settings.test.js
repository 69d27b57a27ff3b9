'use strict';
// PM2's cluster mode sets `env` after the preload has run: the settings in it hold all the same.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { startPm2, until } = require('./pm2.js');

const ROOT = path.join(__dirname, '../..');
const REGISTER = pathToFileURL(path.join(ROOT, 'register.js')).href;

for (const mode of ['cluster', 'fork']) {
  test(`the settings of an ecosystem file are in force in ${mode} mode`, async (t) => {
    const { pm2, home } = startPm2(t);
    const service = path.join(home, 'service.js');
    fs.writeFileSync(
      service,
      `const fs = require('node:fs');
       const { watch } = require(${JSON.stringify(ROOT)});
       const settings = { limit: watch().stats().limits.external, disabled: process.env.PLIMSOLL_DISABLE === '1', explanation: watch().stats().verdict.explanation };
       fs.writeFileSync(process.argv[2] + '.part', JSON.stringify(settings));
       fs.renameSync(process.argv[2] + '.part', process.argv[2]);
       setInterval(() => {}, 1000);`,
    );
    const common = { script: service, exec_mode: mode, instances: 1, node_args: `--import ${REGISTER}` };
    const limited = { ...common, name: 'limited', args: path.join(home, 'limited.json'), env: { PLIMSOLL_LIMIT: '100m' } };
    const disabled = { ...common, name: 'disabled', args: path.join(home, 'disabled.json'), env: { PLIMSOLL_DISABLE: '1' } };
    const ecosystem = path.join(home, 'ecosystem.config.js');
    fs.writeFileSync(ecosystem, `module.exports = ${JSON.stringify({ apps: [limited, disabled] })};`);
    await pm2('start', ecosystem);
    const settings = (name) => until(`what ${name} says`, () => fs.existsSync(path.join(home, `${name}.json`)) && JSON.parse(fs.readFileSync(path.join(home, `${name}.json`), 'utf8')));
    assert.equal((await settings('limited')).limit, 100 * 2 ** 20);
    assert.match((await settings('disabled')).explanation, /PLIMSOLL_DISABLE=1/);
  });
}
