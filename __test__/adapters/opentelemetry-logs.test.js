'use strict';
// The watcher's events through the real SDK of OpenTelemetry's logs.

const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { emitLogs } = require('../../lib/adapters/opentelemetry.js');
const { leakReport } = require('../support/reports.js');

function memory(t) {
  const exporter = new InMemoryLogRecordExporter();
  const provider = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] });
  t.after(() => provider.shutdown());
  return {
    logger: provider.getLogger('test'),
    async records() {
      await provider.forceFlush();
      return exporter.getFinishedLogRecords();
    },
  };
}

test('each event and each suspect is a record', async (t) => {
  const { logger, records } = memory(t);
  const watcher = new EventEmitter();
  const stop = emitLogs({ watcher, logger });
  const report = leakReport();
  const { verdict } = report;
  for (const event of ['suspect', 'leak', 'recovered']) watcher.emit(event, { channel: 'heap', verdict });
  watcher.emit('pressure', { channel: 'heap', verdict, health: {} });
  watcher.emit('report', report, []);
  const found = await records();
  assert.deepEqual(
    found.slice(0, 4).map(({ eventName, severityText }) => [eventName, severityText]),
    [
      ['plimsoll.suspect', 'WARN'],
      ['plimsoll.leak', 'ERROR'],
      ['plimsoll.recovered', 'INFO'],
      ['plimsoll.pressure', 'WARN'],
    ],
  );
  assert.match(String(found[1].body), /^heap leak, \+/);
  assert.equal(found[1].attributes['plimsoll.growth'], verdict.bytesPerMinute);
  const suspects = found.slice(4);
  assert.equal(suspects.length, report.suspects.length);
  suspects.forEach(({ eventName, attributes }, at) => {
    assert.equal(eventName, 'plimsoll.report');
    assert.equal(attributes['plimsoll.signature'], report.suspects[at].signature ?? undefined);
    assert.equal(attributes['code.line.number'], report.suspects[at].line ?? undefined);
    for (const value of Object.values(attributes)) assert.ok(value !== null && value !== undefined);
  });
  stop();
  assert.deepEqual(watcher.eventNames(), []);
});

test('the end of the previous process is a record', async (t) => {
  const { logger, records } = memory(t);
  const watcher = new EventEmitter();
  emitLogs({ watcher, logger });
  const postMortem = {
    pid: 7,
    release: '1.2.3',
    host: 'web-7',
    agoMs: 14_000,
    uptimeMs: 3_600_000,
    verdictForMs: null,
    cause: 'heap-limit',
    memory: { of: 'heap', used: 298 * 2 ** 20, limit: 304 * 2 ** 20 },
  };
  watcher.emit('previous', { ...leakReport(), postMortem }, []);
  const [record] = await records();
  assert.equal(record.body, 'previous process (pid 7) ended: heap-limit');
  assert.equal(record.severityText, 'ERROR');
  assert.deepEqual(record.attributes, {
    'plimsoll.cause_of_death': 'heap-limit',
    'plimsoll.previous.pid': 7,
    'plimsoll.previous.release': '1.2.3',
    'plimsoll.previous.used': 298 * 2 ** 20,
    'plimsoll.previous.limit': 304 * 2 ** 20,
  });
});

test('a report has records for at most 20 suspects', async (t) => {
  const { logger, records } = memory(t);
  const watcher = new EventEmitter();
  emitLogs({ watcher, logger });
  const [suspect] = leakReport().suspects;
  watcher.emit('report', { ...leakReport(), suspects: Array.from({ length: 50 }, () => suspect) }, []);
  assert.equal((await records()).length, 20);
});

test('what is no logger or no watcher is refused', () => {
  const expected = { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' };
  assert.throws(() => emitLogs({ watcher: new EventEmitter(), logger: {} }), expected);
  assert.throws(() => emitLogs({ logger: { emit() {} } }), expected);
});
