'use strict';
// The process that Guard starts. Its input ends when attach has ended or given up; then it waits for the inspector and
// closes it.

process.stdin.resume().once('close', async () => {
  const { openedInspector } = require('./target.js');
  const { GUARD_MS, GUARD_POLL_MS } = require('./guard.js');
  const target = JSON.parse(process.argv[2]);
  const gone = setInterval(() => {
    try {
      process.kill(target.pid, 0);
    } catch {
      process.exit(0);
    }
  }, GUARD_POLL_MS);
  // It throws where the event loop is still stuck: the claim that it has sent closes the inspector when the loop runs.
  const opened = await openedInspector({ ...target, patienceMs: GUARD_MS, pollMs: GUARD_POLL_MS }).catch(() => null);
  clearInterval(gone);
  await opened?.claimed.close();
  process.exit(0);
});
