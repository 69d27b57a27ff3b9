'use strict';
// A listener for each job on `process`.
module.exports = async () => (step) => {
  process.once('SIGUSR2', () => step); // leak
};
