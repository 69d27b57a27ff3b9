// The watcher's types, used as a user would.
import { watch } from 'plimsoll';
import type { PlimsollReport, Watcher } from 'plimsoll';

using watcher: Watcher = watch({ interval: 500, window: 60_000, snapshotOn: ['leak'], log: console });
watcher.on(
  'leak',
  ({ channel, verdict }) => `${channel satisfies 'heap' | 'external' | 'native'} ${verdict.bytesPerMinute?.toFixed()}`,
);
watcher.on('report', (report: PlimsollReport, files: string[]) =>
  files.concat(report.suspects.map((suspect) => suspect.name)),
);
watcher.on('pressure', ({ health }) => health.status satisfies 'pass' | 'warn' | 'fail');
watcher.snapshot({ method: 'fork' }).then(({ path, tMs }) => path.concat(String(tMs)));
watcher.stats().snapshots.refusals[0]?.neededBytes?.toFixed();
watcher.health().share.toFixed(2);
watch({ window: '15m', limit: '512m' });
// @ts-expect-error a duration is a number or text
watch({ window: true });
// @ts-expect-error there is no such event
watcher.on('leek', () => {});
// @ts-expect-error watchers come from watch()
export const none = new Watcher();
