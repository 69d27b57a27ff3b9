'use strict';
// plimsoll/opentelemetry: the watcher's events as log records of @opentelemetry/api-logs.

const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { headline } = require('../report/words.js');

/** SeverityNumber of the log data model. */
const INFO = 9;
const WARN = 13;
const ERROR = 17;
/** Suspects of one report that have a record. */
const MOST_SUSPECTS = 20;

function globalLogger() {
  try {
    return require('@opentelemetry/api-logs').logs.getLogger('plimsoll', require('../../package.json').version);
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_PEER',
      'emitLogs() needs the package @opentelemetry/api-logs (npm install @opentelemetry/api-logs), or options.logger.',
      { cause },
    );
  }
}

/** Attributes that have a value. */
const given = (attributes) =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined && value !== null));

const ofVerdict = ({ state, channel, bytesPerMinute }) => ({
  'plimsoll.state': state,
  'plimsoll.channel': channel,
  'plimsoll.growth': bytesPerMinute,
});

const ofSuspect = (suspect) => ({
  'plimsoll.signature': suspect.signature,
  'plimsoll.cause': suspect.cause,
  'plimsoll.name': suspect.name,
  'plimsoll.package': suspect.package?.name,
  'plimsoll.bytes': suspect.bytes,
  'code.file.path': suspect.file,
  'code.line.number': suspect.line,
});

/** What is logged of each event: rows of severity, body and attributes. */
const RECORDS = {
  suspect: ({ verdict }) => [[WARN, headline({ verdict }), ofVerdict(verdict)]],
  leak: ({ verdict }) => [[ERROR, headline({ verdict }), ofVerdict(verdict)]],
  recovered: ({ channel, verdict }) => [
    [INFO, `${channel} recovered`, { ...ofVerdict(verdict), 'plimsoll.channel': channel }],
  ],
  pressure: ({ verdict }) => [[WARN, 'memory is above the threshold', ofVerdict(verdict)]],
  report: (report) =>
    report.suspects
      .slice(0, MOST_SUSPECTS)
      .map((suspect) => [ERROR, `${suspect.cause} ${suspect.name}`.trim(), ofSuspect(suspect)]),
  previous: ({ postMortem: { cause, pid, release, memory } }) => [
    [
      cause === 'unknown' ? WARN : ERROR,
      `previous process (pid ${pid}) ended: ${cause}`,
      {
        'plimsoll.cause_of_death': cause,
        'plimsoll.previous.pid': pid,
        'plimsoll.previous.release': release,
        'plimsoll.previous.used': memory.used,
        'plimsoll.previous.limit': memory.limit,
      },
    ],
  ],
};
const TEXT = { [INFO]: 'INFO', [WARN]: 'WARN', [ERROR]: 'ERROR' };

/**
 * Emits a log record for each event of a watcher: `plimsoll.suspect`, `plimsoll.leak`, `plimsoll.recovered`,
 * `plimsoll.pressure`, `plimsoll.previous`, and one `plimsoll.report` for each suspect of a report.
 * @param {object} options
 * @param {import('node:events').EventEmitter} options.watcher what watch() returned
 * @param {{ emit(record: object): void }} [options.logger] by default that of the global logger provider
 * @returns {() => void} ends it
 */
function emitLogs({ watcher, logger = globalLogger() } = {}) {
  if (typeof logger?.emit !== 'function')
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.logger must be a Logger of @opentelemetry/api-logs, not ${quote(logger)}.`,
    );
  if (typeof watcher?.on !== 'function')
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.watcher must be what watch() returned, not ${quote(watcher)}.`,
    );
  const listeners = Object.entries(RECORDS).map(([event, recordsOf]) => {
    const listener = (about) => {
      for (const [severityNumber, body, attributes] of recordsOf(about))
        logger.emit({
          eventName: `plimsoll.${event}`,
          severityNumber,
          severityText: TEXT[severityNumber],
          body,
          attributes: given(attributes),
        });
    };
    watcher.on(event, listener);
    return [event, listener];
  });
  return () => {
    for (const [event, listener] of listeners) watcher.off(event, listener);
  };
}

module.exports = { emitLogs };
