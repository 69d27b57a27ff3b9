'use strict';

/**
 * What is wrong with a report's suspects, or null: one of the first three has to have the cause, the name, the file and
 * the line that are expected; a healthy program has none.
 * @param {object[]} suspects
 * @param {{cause: string[], name: string[], file: string, lines: number[] | null, package?: string} | null} expect
 */
function judge(suspects, expect) {
  if (expect === null) return suspects.length === 0 ? null : `a false culprit: ${suspects[0].cause} ${suspects[0].name}`;
  const faults = suspects.slice(0, 3).map((suspect) => faultsOf(suspect, expect));
  if (faults.some((each) => each.length === 0)) return null;
  return faults.length === 0 ? 'no suspect' : `wrong ${faults.map((each) => each.join(' and ')).join('; ')}`;
}

function faultsOf(suspect, expect) {
  const checks = {
    cause: expect.cause.includes(suspect.cause),
    name: expect.name.some((name) => suspect.name.includes(name)),
    file: (suspect.file ?? '').endsWith(`/${expect.file}`),
    line: expect.lines === null || expect.lines.includes(suspect.line),
    package: expect.package === undefined || suspect.package?.name === expect.package,
  };
  return Object.keys(checks).filter((key) => !checks[key]);
}

module.exports = { judge };
