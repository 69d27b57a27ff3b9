/** Imported for what it does: `node --import plimsoll/register app.js` watches the process (docs/options.md). */
export {};
