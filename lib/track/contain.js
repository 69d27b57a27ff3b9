'use strict';
// What goes wrong in a tracker stays there: the call that it looks at has been made and succeeds.

let warned = false;

/** @param {unknown} error */
function contain(error) {
  if (warned) return;
  warned = true;
  const reason = error instanceof Error ? error.message : String(error);
  process.emitWarning(
    `a plimsoll tracker failed (${reason}). The application is not affected; counts may be incomplete.`,
    {
      type: 'PlimsollWarning',
      code: 'PLIMSOLL_TRACK',
    },
  );
}

/** Calls `look(...args)`, whatever comes of it. */
function safely(look, ...args) {
  try {
    look(...args);
  } catch (error) {
    contain(error);
  }
}

module.exports = { contain, safely };
