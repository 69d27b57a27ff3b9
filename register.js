'use strict';
// The preload: node --import plimsoll/register server.js
// Options come from PLIMSOLL_* (docs/options.md). Whatever is wrong here, the service starts.

const { register } = require('./lib/watch/register.js');

register();
