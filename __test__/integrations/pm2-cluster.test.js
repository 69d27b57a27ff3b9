'use strict';
// PM2's cluster mode: the processes are workers of a foreign primary, and are distinguished as well.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { pm2Stats } = require('../../lib/adapters/pm2.js');
const { startPm2, until } = require('./pm2.js');

const SERVICE = path.join(__dirname, 'pm2-cluster-service.js');

test('one process of two leaks: it is named by pid, and any program may gather the stats of both', async (t) => {
  const { pm2: run, connect, home } = startPm2(t);
  await run('start', SERVICE, '--name', 'shop', '-i', '2', '--', home);
  await run('start', path.join(__dirname, 'pm2-service.js'), '--name', 'fork mode', '--', path.join(home, 'log'), path.join(home, 'port'));

  const pm2 = await connect();
  const ids = JSON.parse(await run('jlist')).filter(({ name }) => name === 'shop').map(({ pm_id: id, pid }) => [id, pid]);

  const [leaking, steady] = await until('a verdict on both', async () => {
    const answers = await pm2Stats({ pm2 });
    assert.deepEqual(answers.map(({ id, pid }) => [id, pid]), ids, 'only those in cluster mode');
    const [first, second] = answers.map(({ stats }) => stats?.verdict.state);
    return first === 'leak' && second === 'steady' && answers;
  });
  assert.deepEqual([leaking.error, steady.error], [null, null]);
  assert.deepEqual([leaking.stats.pid, leaking.stats.verdict.channel], [leaking.pid, 'heap']);
  const reports = await until('the report', () => {
    const files = fs.readdirSync(home).filter((name) => /^plimsoll-\d+.*\.json$/.test(name));
    return files.length > 0 && files;
  });
  assert.deepEqual(reports.map((name) => Number(/^plimsoll-(\d+)/.exec(name)[1])), [leaking.pid]);
  assert.deepEqual(await pm2Stats({ pm2, name: 'no such' }), []);
  assert.deepEqual((await pm2Stats({ pm2, name: 'shop', timeout: 5000 })).map(({ error }) => error), [null, null]);
});
