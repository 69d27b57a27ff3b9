// The ES face over the one CommonJS core: both give the same instance.
import plimsoll from './index.js';

export default plimsoll;

// caches
export const { BoundedMap, LRUCache, RingBuffer, SharedCache, WeakValueMap } = plimsoll;

// trackers
export const {
  TrackedEventEmitter,
  trackEmitter,
  trackEventTarget,
  trackTimers,
  trackPromises,
  trackResources,
  trackAll,
  tracked,
} = plimsoll;

// watch
export const { watch, Watcher } = plimsoll;

// cluster
export const { clusterStats } = plimsoll;

// health
export const { healthHandlers, onCritical } = plimsoll;

// snapshots and analysis
export const { analyze, takeSnapshot } = plimsoll;
