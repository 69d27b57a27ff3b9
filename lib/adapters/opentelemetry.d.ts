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

/** A `Logger` of @opentelemetry/api-logs. */
export interface LoggerLike {
  emit(record: any): void;
}

/**
 * Emits a log record for each event of the watcher (docs/metrics.md): the event's name is `plimsoll.leak`,
 * `plimsoll.report` and so on.
 * @returns ends it
 * @throws TypeError with code ERR_PLIMSOLL_OPTION; Error with code ERR_PLIMSOLL_PEER where neither a logger is
 *   given nor @opentelemetry/api-logs is installed
 */
export function emitLogs(options: {
  watcher: { on(event: any, listener: any): unknown; off(event: any, listener: any): unknown };
  /** Default: the logger `plimsoll` of the global logger provider. */
  logger?: LoggerLike;
}): () => void;
