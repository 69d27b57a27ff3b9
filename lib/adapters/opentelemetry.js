'use strict';
// plimsoll/opentelemetry: the watcher's figures as observable instruments of @opentelemetry/api.

const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { MEASUREMENTS, statsReader } = require('./measurements.js');
const { emitLogs } = require('./opentelemetry-logs.js');

/** Units as UCUM writes them, which OpenTelemetry asks for. */
const UNIT = { bytes: 'By', seconds: 's', bytes_per_second: 'By/s', '': '1' };

function globalMeter() {
  try {
    return require('@opentelemetry/api').metrics.getMeter('plimsoll', require('../../package.json').version);
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_PEER',
      'plimsoll/opentelemetry needs the package @opentelemetry/api (npm install @opentelemetry/api), or options.meter.',
      { cause },
    );
  }
}

/**
 * Observes a watcher: its figures are read when the SDK collects.
 * @param {object} options
 * @param {{stats(): any}} options.watcher what watch() returned
 * @param {import('@opentelemetry/api').Meter} [options.meter] by default that of the global meter provider
 * @returns {() => void} ends it
 */
function observeMetrics({ watcher, meter = globalMeter() } = {}) {
  if (typeof meter?.addBatchObservableCallback !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.meter must be a Meter of @opentelemetry/api, not ${quote(meter)}.`,
    );
  }
  const stats = statsReader(watcher);
  const observed = MEASUREMENTS.map(({ name, type, unit, help, read }) => {
    const options = { description: help, unit: UNIT[unit] };
    const dotted = `plimsoll.${name.replace(/^(cache|snapshots)_/, '$1.')}`;
    // `plimsoll.cache` alone would be the namespace of the others (semantic conventions: no name is both).
    const full = dotted === 'plimsoll.cache' ? 'plimsoll.cache.size' : dotted;
    return {
      read,
      instrument:
        type === 'counter' ? meter.createObservableCounter(full, options) : meter.createObservableGauge(full, options),
    };
  });
  const callback = (result) => {
    const now = stats();
    if (now === null) return;
    for (const { read, instrument } of observed) {
      for (const { labels, value } of read(now)) result.observe(instrument, value, attributes(labels));
    }
  };
  const instruments = observed.map(({ instrument }) => instrument);
  meter.addBatchObservableCallback(callback, instruments);
  return () => meter.removeBatchObservableCallback(callback, instruments);
}

/** Attribute names have a namespace of their own too. */
function attributes(labels) {
  return Object.fromEntries(Object.entries(labels).map(([key, value]) => [`plimsoll.${key}`, value]));
}

module.exports = { observeMetrics, emitLogs };
