'use strict';
// Growth between counts of calls that double.
//
// A table grows by steps: its capacity becomes one and a half times or twice as large. So between n and 2n
// calls it grows at least once. 8 bytes a call then leave at least 5.3 bytes a call in an array, which
// grows by a half, and 20 or more in a Map or Set.

/** Less growth a call is no table's. */
const PER_CALL = 4;
/** Between fewer calls, what the engine allocates and frees by itself weighs more. */
const FEW = 2000;
const PER_CALL_OF_FEW = 2;
/** So many doublings in a row must show growth, up to at least so many calls. */
const DOUBLINGS = 3;
const CALLS = 8000;

/** @typedef {{ calls: number, bytes: number }} Point  bytes above those at the first point */

/**
 * The next count of calls to measure at, or the verdict.
 *
 * @param {Point[]} points  in order of calls
 * @param {number} planned  calls before which there is no verdict of a leak
 * @returns {{ leaks: boolean, next: number | null }}
 */
function judge(points, planned) {
  const [first] = points;
  let end = points.at(-1);
  let doublings = 0;
  for (;;) {
    const half = end.calls / 2;
    const start = points.findLast(({ calls }) => calls > 0 && calls <= half);
    if (start === undefined) break;
    const calls = end.calls - start.calls;
    if (end.bytes - start.bytes < calls * (calls < FEW ? PER_CALL_OF_FEW : PER_CALL))
      return { leaks: false, next: null };
    end = start;
    if (++doublings === DOUBLINGS) break;
  }
  const { calls } = points.at(-1);
  if (doublings === DOUBLINGS && calls >= Math.max(planned, CALLS)) return { leaks: true, next: null };
  return { leaks: false, next: doublings === 0 ? Math.max(2 * first.calls, calls + 1) : 2 * calls };
}

module.exports = { judge };
