'use strict';
// All programs, in the order of the causes.

const programs = ['collections', 'events', 'memory', 'services', 'frameworks', 'unlike', 'healthy'].flatMap((theme) =>
  require(`./programs/${theme}.js`),
);

module.exports = { programs };
