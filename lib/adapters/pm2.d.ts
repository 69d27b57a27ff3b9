import type { WorkerStats } from '../../index.js';

export interface Pm2StatsOptions {
  /** `require('pm2')` (6), connected: its `list`, `launchBus` and `sendDataToProcessId` are used. */
  pm2: object;
  /** Of the application; default all that run in cluster mode. */
  name?: string;
  /** ms that each process has to answer; default 2000. */
  timeout?: number;
}

/**
 * For the processes of PM2's cluster mode what `clusterStats()` is for the workers of your own primary. Only those that
 * are online are asked; the connection to PM2 stays open.
 * @throws TypeError or RangeError with code ERR_PLIMSOLL_OPTION; what PM2 says where it cannot be reached
 */
export function pm2Stats(options: Pm2StatsOptions): Promise<WorkerStats[]>;
