'use strict';
// The trackers' tick for tests that give its time themselves: a tick of Node's timer in between would note counts at real times
// among those of the test.
const { setInterval } = globalThis;

globalThis.setInterval = () => ({ unref() {} });
const { observe } = require('../../lib/track/tick.js');
globalThis.setInterval = setInterval;

module.exports = { observe };
