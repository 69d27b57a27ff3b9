'use strict';
// Each task listens to a signal that lives as long as the service.
module.exports = async () => {
  const shutdown = new AbortController();
  return function task(step) {
    for (let i = 0; i < 4; i++) shutdown.signal.addEventListener('abort', () => step + i); // leak
  };
};
