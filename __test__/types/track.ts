// The trackers' types, used as a user would.
import { EventEmitter } from 'node:events';
import {
  TrackedEventEmitter,
  trackAll,
  trackEmitter,
  trackEventTarget,
  trackPromises,
  trackTimers,
  tracked,
} from 'plimsoll';
import type { Site, TrackedSource } from 'plimsoll';

class Bus extends TrackedEventEmitter {}
const bus: EventEmitter = new Bus({ name: 'bus', captureRejections: true });
using source = trackEmitter(bus, { name: 'bus' });
const report: TrackedSource = source.report();
const sites: Site[] = report.events.flatMap((event) => event.sites);
sites[0]?.caller?.line?.toFixed();
trackEventTarget(new AbortController().signal).stop();
trackTimers().report().sites[0]?.delay?.toFixed();
trackPromises({ pendingFor: 10_000 }).report().sites[0]?.kind satisfies
  'executor' | 'combinator' | 'async' | 'derived' | undefined;
trackAll({ emitters: true }).report().resources?.agents[0]?.host.trim();
tracked().timers?.created.intervals.toFixed();
// @ts-expect-error a name is a string
trackEmitter(bus, { name: 1 });
// @ts-expect-error there is no such kind
trackAll({ sockets: true });
