'use strict';
// A timeout of a day for each session, and short ones that end.
module.exports = async () => (step) => {
  for (let i = 0; i < 3; i++) setTimeout(() => step, 86_400_000).unref(); // leak
  for (let i = 0; i < 50; i++) clearTimeout(setTimeout(() => step, 60_000));
};
