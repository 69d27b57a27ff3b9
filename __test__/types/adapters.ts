// The adapters take what prom-client and OpenTelemetry give, without a cast.
import { metrics } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { emitLogs, observeMetrics } from 'plimsoll/opentelemetry';
import { collectMetrics } from 'plimsoll/prometheus';

const watcher = { stats: () => ({}) };

const leave: () => void = collectMetrics({ watcher, register: new Registry(), prefix: 'api_' });
const end: () => void = observeMetrics({ watcher, meter: metrics.getMeter('api') });
observeMetrics({ watcher });
leave();
end();

// @ts-expect-error a registry is needed
collectMetrics({ watcher });

import { clusterStats, watch } from 'plimsoll';
import { pm2Stats } from 'plimsoll/pm2';

export async function leaking(): Promise<number[]> {
  const answers = [...(await clusterStats({ timeout: 500 })), ...(await pm2Stats({ pm2: {}, name: 'shop' }))];
  return answers
    .filter(({ stats, error }) => error === null && stats?.isolates.some(({ verdict }) => verdict.state === 'leak'))
    .map(({ pid }) => pid);
}

// @ts-expect-error the connection is the user's
pm2Stats({ name: 'shop' });

const stopLogs: () => void = emitLogs({ watcher: watch() });
stopLogs();
// @ts-expect-error a logger emits records
emitLogs({ watcher: watch(), logger: {} });
