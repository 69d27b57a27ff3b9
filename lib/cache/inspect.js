'use strict';
// How util.inspect and console.log show a structure: as the Map or array of its contents, after its name.

/** The structures that are being shown, outermost first. */
const shown = [];

/**
 * For `[inspect.custom]`. The depth counts through the structure, as through a Map. A structure within itself is shown
 * as `[Circular]`: what Node remembers of the objects around does not reach through a custom function.
 *
 * @param {object} structure @param {string} name @param {() => object} contents
 * @param {number | null} depth  levels left, null for all
 * @param {any} options  of util.inspect @param {(value: unknown, options: object) => string} inspectValue
 */
function show(structure, name, contents, depth, options, inspectValue) {
  if (shown.includes(structure)) return options.stylize('[Circular]', 'special');
  if (depth !== null && depth < 0) return options.stylize(`[${name}]`, 'special');
  shown.push(structure);
  try {
    return `${name} ${inspectValue(contents(), { ...options, depth })}`;
  } finally {
    shown.pop();
  }
}

module.exports = { show };
