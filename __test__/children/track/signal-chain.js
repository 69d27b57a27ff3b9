'use strict';
// Each task derives a signal from one of its own, which was derived from one that lives as long as the
// service; only the last one is listened to.
module.exports = async () => {
  const shutdown = new AbortController();
  const request = () => AbortSignal.any([shutdown.signal, new AbortController().signal]);
  return function task(step) {
    for (let i = 0; i < 4; i++) {
      const signal = AbortSignal.any([request(), new AbortController().signal]); // leak
      signal.addEventListener('abort', () => step + i);
    }
  };
};
