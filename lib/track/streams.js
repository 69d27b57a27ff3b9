'use strict';
// Readable streams that have had a consumer and are not drained: bytes are buffered, and the consumer
// is gone or does not take any.

const { Readable } = require('node:stream');
const { Crowd } = require('./crowd.js');
const { reporting } = require('./patch.js');
const { UNKNOWN } = require('./sites.js');
const { onTick } = require('./tick.js');

const SAMPLES = 512;
/** What consumes adds one of these: `pipe`, `for await` and the like do so too. */
const CONSUMES = new Set(['data', 'readable']);
/** A consumer may be slow: this many ms without a byte taken. */
const STUCK_AFTER = 5000;

/** Bytes pending or buffered in a stream without a reader, or whose reader makes no progress. */
function isUndrained(stream, sample, now) {
  if (stream.destroyed || stream.readableEnded) return false;
  const { info } = sample;
  const moved = stream.readableLength !== info.buffered || stream.readableFlowing === true;
  info.buffered = stream.readableLength;
  info.abandoned =
    stream.readableFlowing !== true && stream.listenerCount('data') === 0 && stream.listenerCount('readable') === 0;
  if (moved) info.movedAt = now;
  info.stuck = stream.readableLength > 0 && now - info.movedAt >= STUCK_AFTER;
  return true;
}

const crowd = new Crowd({
  cause: 'streams',
  name: 'Readable',
  capacity: SAMPLES,
  isLive: isUndrained,
  checks: 256,
  // Node's own consumers, http's of its sockets, are not for the user to mend.
  counts: ({ site, info }) => site !== UNKNOWN && (info.stuck || (info.abandoned && info.buffered > 0)),
});

/** The streams that are in the sample already: a second consumer is no second stream. @type {WeakSet<Readable>} */
const known = new WeakSet();

function noteConsumer(stream) {
  if (known.has(stream) || !crowd.due()) return;
  known.add(stream);
  crowd.take(stream, () => ({ buffered: 0, abandoned: false, stuck: false, movedAt: -Infinity }));
}

const wrapping = reporting((stream, [event]) => {
  if (CONSUMES.has(event)) noteConsumer(stream);
});

/** Wraps what adds a consumer to a Readable. @returns {() => void} what ends it */
function trackStreams() {
  const { on } = Readable.prototype;
  const methods = ['on', 'addListener'].filter((method) => Readable.prototype[method] === on);
  const stop = wrapping.start(methods.map((method) => [Readable.prototype, method]));
  const stopTicking = onTick((now, bounded) => crowd.observe(now, bounded));
  return () => {
    stop();
    stopTicking();
  };
}

function likeStreams(samples) {
  return {
    kind: samples[0].ref.deref()?.constructor?.name ?? 'Readable',
    buffered: samples.reduce((sum, { info, weight }) => sum + info.buffered * weight, 0),
    abandoned: samples.filter(({ info }) => info.abandoned).length / samples.length,
  };
}

module.exports = {
  trackStreams,
  describeStreams: () => crowd.rows(likeStreams),
  streamEntries: () => crowd.entries(likeStreams),
};
