'use strict';
// Each task derives a signal from one that lives as long as the service, and listens to it.
module.exports = async () => {
  const shutdown = new AbortController();
  return function task(step) {
    for (let i = 0; i < 4; i++) {
      const signal = AbortSignal.any([shutdown.signal, new AbortController().signal]); // leak
      signal.addEventListener('abort', () => step + i);
    }
  };
};
