'use strict';
// The one place that loads the analyzer's binary. It is a second file of the platform's package, so that a
// service never loads the analyzer's code: only `plimsoll analyze` and the process that analyze() starts do.

const { version } = require('../package.json');
const { PlimsollError } = require('./errors.js');
const { explainLoadError, ownPlatforms } = require('./load-error.js');

/** The places of a platform's binary: beside the package in a checkout, in the platform's package as installed. */
const placesOf = (platform) => [
  `../plimsoll-analyzer.${platform}.node`,
  `plimsoll-${platform}/plimsoll-analyzer.${platform}.node`,
];

function load() {
  const failures = [];
  for (const place of ownPlatforms().flatMap(placesOf)) {
    try {
      return require(place);
    } catch (error) {
      failures.push(error);
    }
  }
  const cause = failures.reduceRight((next, error) => Object.assign(error, { cause: next }), undefined);
  throw new PlimsollError('ERR_PLIMSOLL_BINDING', explainLoadError(cause, 'Snapshots cannot be analyzed without it.'), {
    cause,
  });
}

/** @type {Record<string, any> | undefined} */
let analyzer;

/** The analyzer's binary, or a typed error that says how to install it. */
function requireAnalyzer() {
  if (analyzer !== undefined) return analyzer;
  const binding = load();
  const built = binding.version();
  if (built !== version)
    throw new PlimsollError(
      'ERR_PLIMSOLL_BINDING',
      `the analyzer's binary has version ${built}, the package ${version}; reinstall plimsoll.`,
    );
  analyzer = binding;
  return analyzer;
}

module.exports = { requireAnalyzer };
