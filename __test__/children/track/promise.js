'use strict';
// Requests that wait for an answer which never comes; their callers wait with them.
module.exports = async () => {
  const waiting = [];
  function answer(step) {
    return new Promise((resolve) => { // leak
      waiting.push([step, resolve]);
    });
  }
  async function handle(step) {
    await Promise.resolve(step);
    return (await answer(step)) + 1;
  }
  return async (step) => {
    for (let i = 0; i < 4; i++) handle(step);
    await Promise.resolve();
  };
};
