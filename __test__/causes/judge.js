'use strict';

/** What the advice has to speak of, by cause, where a program asks for nothing more. */
const ADVICE = {
  map: /BoundedMap|settle/,
  set: /BoundedMap|settle/,
  object: /BoundedMap|RingBuffer/,
  array: /RingBuffer|settle/,
  listeners: /remove the listener|unpipe|AbortSignal\.any/,
  timers: /clearInterval, clearTimeout/,
  promises: /settle/,
  closure: /functions retain|settle/,
  buffers: /buffers/,
  streams: /consume|destroy/,
  sockets: /http\.Agent|remove the connection/,
  weak: /key/,
  other: /remove the reference/,
};

/** A function, or the name of what is declared: what a column has to point at. */
const FUNCTION = /^(?:\(|async\b|function\b|constructor\b|[\w$]+ *(?:\(|=>))/;

/**
 * What is wrong with a report's suspects, or null: one of the first three has to have the cause, the name, the place and
 * whatever else is expected; a healthy program has none.
 * @param {object[]} suspects
 * @param {import('./run.js').Expected | null} expect
 */
function judge(suspects, expect) {
  if (expect === null)
    return suspects.length === 0 ? null : `a false culprit: ${suspects[0].cause} ${suspects[0].name}`;
  const faults = suspects.slice(0, 3).map((suspect) => faultsOf(suspect, expect));
  if (faults.some((each) => each.length === 0)) return null;
  return faults.length === 0 ? 'no suspect' : `wrong ${faults.map((each) => each.join(' and ')).join('; ')}`;
}

function faultsOf(suspect, expect) {
  const { top, package: owner, captured, adder, count, unit, delay } = expect;
  const advice = expect.advice ?? ADVICE[suspect.cause];
  const checks = {
    cause: expect.cause.includes(suspect.cause),
    name: expect.name.some((name) => suspect.name.includes(name)),
    file: suspect.file === expect.file,
    line: expect.lines === null || expect.lines.includes(suspect.line),
    column: pointsAtCode(suspect, expect),
    top: top === undefined || suspect.path[0] === top,
    package: owner === undefined || `${suspect.package?.name}@${suspect.package?.version}` === owner,
    captured: captured === undefined || suspect.captured === captured,
    site: adder === undefined || isAddedBy(adder, suspect, expect),
    count: count === undefined || suspect.count === count,
    unit: unit === undefined || suspect.unit === unit,
    delay: delay === undefined || suspect.name.endsWith(`, ${delay} ms`),
    advice:
      advice.test(suspect.advice) &&
      !suspect.advice.includes('\n') &&
      (owner === undefined || suspect.advice.includes(owner)),
  };
  return Object.keys(checks).filter((key) => !checks[key]);
}

const isAddedBy = (adder, { sites: [site] }, { file, lines }) =>
  site?.function === adder && site.file === file && lines.includes(site.line);

/** Whether the column is that of a function, of what is named or of something on the path, in the source as it was written. */
function pointsAtCode({ name, path, line, column }, { text, module }) {
  if (module) return line === 1 && column === 1;
  const rest = text.split('\n')[line - 1]?.slice(column - 1) ?? '';
  return (
    FUNCTION.test(rest) ||
    ['exports', name, ...path].some((label) => rest.startsWith(label) || rest.startsWith(`'${label}'`))
  );
}

/** What is expected of fewer snapshots, where the count is another. */
const uncounted = (expect) => expect && { ...expect, count: undefined };

/** What is expected where ids are identities. */
const byIds = (expect) => expect && { ...expect, count: expect.count ?? expect.countById };

module.exports = { judge, uncounted, byIds };
