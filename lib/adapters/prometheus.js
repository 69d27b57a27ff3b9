'use strict';
// plimsoll/prometheus: the watcher's figures in a registry of prom-client. It is the user's registry
// and the user's prom-client (any version from 14): nothing of it is loaded here.

const { PlimsollTypeError, quote } = require('../errors.js');
const { MEASUREMENTS, statsReader } = require('./measurements.js');

/** A metric as a registry sees it: a name, and get() for its values. */
class Metric {
  #read;
  #stats;

  constructor({ name, type, unit, help, across, read }, prefix, stats) {
    this.name = [`${prefix}${name}`, unit, type === 'counter' && 'total'].filter(Boolean).join('_');
    this.help = help;
    this.type = type;
    // How AggregatorRegistry joins the workers of a cluster.
    this.aggregator = across;
    this.#read = read;
    this.#stats = stats;
  }

  async get() {
    const { name, help, type, aggregator } = this;
    const stats = this.#stats();
    return { name, help, type, aggregator, values: stats === null ? [] : this.#read(stats) };
  }

  /** The figures are the watcher's: there is nothing of our own to set back. */
  reset() {}
}

/**
 * Registers the metrics of a watcher.
 * @param {object} options
 * @param {{stats(): any}} options.watcher what watch() returned
 * @param {{registerMetric(metric: any): void, removeSingleMetric(name: string): void}} options.register
 *   a Registry of prom-client
 * @param {string} [options.prefix]
 * @returns {() => void} takes them out again
 */
function collectMetrics({ watcher, register, prefix = 'plimsoll_' } = {}) {
  if (typeof register?.registerMetric !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.register must be a Registry of prom-client, not ${quote(register)}.`,
    );
  }
  if (typeof prefix !== 'string' || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(prefix)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.prefix must be the beginning of a metric's name (letters, digits, _), not ${quote(prefix)}.`,
    );
  }
  const stats = statsReader(watcher);
  const metrics = MEASUREMENTS.map((measurement) => new Metric(measurement, prefix, stats));
  // Noted now: a registry of OpenMetrics renames counters later, but goes on to know them by these.
  const names = metrics.map(({ name }) => name);
  for (const metric of metrics) register.registerMetric(metric);
  return () => names.forEach((name) => register.removeSingleMetric(name));
}

module.exports = { collectMetrics };
