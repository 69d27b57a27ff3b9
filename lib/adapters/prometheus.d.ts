/** A watcher, as far as the collector needs it: what `watch()` returned. */
export interface WatcherLike {
  stats(): object;
}

/** A `Registry` of prom-client 14 or later. */
export interface RegistryLike {
  registerMetric(metric: any): void;
  removeSingleMetric(name: string): void;
}

/**
 * Registers the watcher's metrics (docs/metrics.md) with a registry of prom-client.
 * @returns takes them out again
 * @throws TypeError with code ERR_PLIMSOLL_OPTION
 */
export function collectMetrics(options: {
  watcher: WatcherLike;
  register: RegistryLike;
  /** Default `plimsoll_`. */
  prefix?: string;
}): () => void;
