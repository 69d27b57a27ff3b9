/** A watcher, as far as the observer needs it: what `watch()` returned. */
export interface WatcherLike {
  stats(): object;
}

/** A `Meter` of @opentelemetry/api. */
export interface MeterLike {
  createObservableGauge(name: string, options?: any): any;
  createObservableCounter(name: string, options?: any): any;
  addBatchObservableCallback(callback: (result: any) => void, instruments: any[]): void;
  removeBatchObservableCallback(callback: (result: any) => void, instruments: any[]): void;
}

/**
 * Observes the watcher's metrics (docs/metrics.md) through OpenTelemetry.
 * @returns ends it
 * @throws TypeError with code ERR_PLIMSOLL_OPTION; Error with code ERR_PLIMSOLL_PEER where neither a meter is
 *   given nor @opentelemetry/api is installed
 */
export function observeMetrics(options: {
  watcher: WatcherLike;
  /** Default: the meter `plimsoll` of the global meter provider. */
  meter?: MeterLike;
}): () => void;
