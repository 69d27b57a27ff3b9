'use strict';
// Streams that were piped and are not drained: the reader holds buffered bytes, and its consumer is
// gone or does not take any.

const { Readable } = require('node:stream');
const { Crowd } = require('./crowd.js');
const { likeness, replace } = require('./patch.js');
const { onTick } = require('./tick.js');

const SAMPLES = 512;
/** A consumer may be slow: this many ms without a byte taken. */
const STUCK_AFTER = 5000;

/** Bytes still to come, or buffered; nobody reads, or what reads has not moved. */
function isUndrained(stream, sample, now) {
  if (stream.destroyed || stream.readableEnded) return false;
  const { info } = sample;
  const moved = stream.readableLength !== info.buffered || stream.readableFlowing === true;
  info.buffered = stream.readableLength;
  info.abandoned = stream.readableFlowing === false && stream.listenerCount('data') === 0 && stream.listenerCount('readable') === 0;
  if (moved) info.movedAt = now;
  info.stuck = stream.readableLength > 0 && now - info.movedAt >= STUCK_AFTER;
  return true;
}

const crowd = new Crowd({
  cause: 'streams',
  name: 'pipe',
  capacity: SAMPLES,
  isLive: isUndrained,
  counts: ({ info }) => info.stuck || (info.abandoned && info.buffered > 0),
});

/** Wraps `pipe` of Readable. @returns {() => void} what ends it */
function trackStreams() {
  let on = true;
  const wrapPipe = (prototype) => {
    const original = prototype.pipe;
    const wrapped = likeness(function (...args) {
      const destination = Reflect.apply(original, this, args);
      if (on && this instanceof Readable && crowd.due()) crowd.take(this, () => ({ buffered: 0, abandoned: false, stuck: false, movedAt: -Infinity }));
      return destination;
    }, original);
    return replace(prototype, 'pipe', wrapped);
  };
  const restore = wrapPipe(Readable.prototype);
  const stopTicking = onTick((now) => crowd.observe(now));
  return () => {
    on = false;
    restore();
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
  streamEntries: (since) => crowd.entries(likeStreams, since),
};
