// A reporter of node:test: the names of the tests that passed, one a line.

export default async function* names(events) {
  for await (const { type, data } of events) {
    const ran = type === 'test:pass' && data.nesting === 0 && data.skip === undefined && data.todo === undefined;
    if (ran && data.details?.type !== 'suite') yield `${JSON.stringify(data.name)}\n`;
  }
}
