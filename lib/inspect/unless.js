'use strict';

/**
 * The result of `work`, or a rejection with the reason of `signal` as soon as it is aborted.
 * @template T @param {AbortSignal | undefined} signal @param {Promise<T>} work @returns {Promise<T>}
 */
function unless(signal, work) {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

module.exports = { unless };
