// The adapters take what prom-client and OpenTelemetry give, without a cast.
import { metrics } from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { observeMetrics } from 'plimsoll/opentelemetry';
import { collectMetrics } from 'plimsoll/prometheus';

const watcher = { stats: () => ({}) };

const leave: () => void = collectMetrics({ watcher, register: new Registry(), prefix: 'api_' });
const end: () => void = observeMetrics({ watcher, meter: metrics.getMeter('api') });
observeMetrics({ watcher });
leave();
end();

// @ts-expect-error a registry is needed
collectMetrics({ watcher });
