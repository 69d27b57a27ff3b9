'use strict';
// npm run test:no-hooks runs the suite without V8's functions: what a test of them says then.

/** Why such a test is skipped, or false. */
const noHooks = process.env.PLIMSOLL_HOOKS === 'off' && "V8's functions are turned off (PLIMSOLL_HOOKS=off)";

module.exports = { noHooks };
