'use strict';
// The window of all histories, ms: that of watch() where it runs. For the counts that are noted from now on.

const { TREND } = require('../facts.js');

module.exports = { ms: TREND.windowMs };
