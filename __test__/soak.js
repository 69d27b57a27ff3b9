'use strict';
// A healthy service under load for long, watched: no leak verdict, no snapshot, and the watch itself
// does not grow. Then a leaky one for a while, which must be found.
//
//   npm run test:soak [-- --minutes 30]

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { startLoad } = require('../lib/cli/load.js');
const { Supervisor } = require('../lib/cli/supervisor.js');

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const MINUTE = 60_000;
const say = (line) => process.stdout.write(`${line}\n`);

async function run(script, duration, window) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-soak-'));
  let load;
  const supervisor = new Supervisor({
    script: path.join(__dirname, '../examples', script),
    args: [],
    execArgv: ['--max-old-space-size=256'],
    duration,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PLIMSOLL_WINDOW: String(window),
      PLIMSOLL_DIR: dir,
      PLIMSOLL_LIMIT: '512m',
      PLIMSOLL_SNAPSHOT_ON: 'suspect,leak',
      PLIMSOLL_COOLDOWN: '0',
    },
    say,
    show() {},
    onSpawn(child) {
      child.stdout.setEncoding('utf8').once('data', (line) => {
        load = startLoad({ port: Number(/listening on (\d+)/.exec(line)[1]), rate: 200 });
      });
    },
  });
  try {
    const { reports } = await supervisor.run();
    const answered = load.stats();
    say(
      `${script}: ${reports[0].verdict.state}, ${answered.answered} requests answered, ${answered.failed} failed, ${reports[0].snapshots.length} snapshots`,
    );
    return reports[0];
  } finally {
    load?.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

(async () => {
  const healthy = await run('bounded-service.js', Number(values.minutes) * MINUTE, 2 * MINUTE);
  const leaky = await run('leaky-service.js', 2 * MINUTE, 30_000);
  const right = healthy.verdict.state !== 'leak' && healthy.snapshots.length === 0 && leaky.verdict.state === 'leak';
  say(right ? '2 passed, 0 failed' : '1 passed, 1 failed');
  process.exitCode = right ? 0 : 1;
})();
