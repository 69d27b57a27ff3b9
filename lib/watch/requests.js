'use strict';
// Counts requests of the process' own HTTP servers, through Node's diagnostics channel. Nothing is patched, and
// counting costs nothing while it is off.
//
// Not for seconds only: a channel changes its prototype with its first and its last subscriber, and each
// time V8 throws away what it has compiled of the server's path, which costs more than all the messages.

const channel = require('node:diagnostics_channel');

const REQUEST_START = 'http.server.request.start';

let count = 0;
let users = 0;
const onRequest = () => {
  count++;
};

/** Begins to count; each call is undone by one `release`. */
function acquire() {
  if (users++ === 0) channel.subscribe(REQUEST_START, onRequest);
}

function release() {
  if (--users === 0) channel.unsubscribe(REQUEST_START, onRequest);
}

module.exports = { acquire, release, count: () => count };
