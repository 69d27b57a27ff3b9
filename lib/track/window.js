'use strict';
// The window of all histories, ms: that of watch() where it runs. For the counts that are noted from now on.

module.exports = { ms: 15 * 60_000 };
