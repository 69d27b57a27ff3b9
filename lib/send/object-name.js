'use strict';
// The names of objects: `<service>/<host>/<start>-<pid>-<thread>/<file>`. docs/egress.md describes them; `plimsoll
// fleet` reads them.

const os = require('node:os');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { mainScript } = require('../script.js');

const LONGEST = 63;
const STARTED = new Date(Date.now() - process.uptime() * 1000);

/** A part of a name that every store and file system accepts. @param {string} text */
function plain(text) {
  const name = text.replaceAll(/[^\w.-]+/g, '_').slice(0, LONGEST);
  return /[^.]/.test(name) ? name : 'unknown';
}

/** OTEL_SERVICE_NAME, or service.name of OTEL_RESOURCE_ATTRIBUTES, or the script's name. */
function serviceOf(env, script) {
  const attribute = /(?:^|,)\s*service\.name\s*=\s*([^,]*)/.exec(env.OTEL_RESOURCE_ATTRIBUTES ?? '')?.[1];
  return env.OTEL_SERVICE_NAME || attribute || (script === undefined ? 'node' : path.parse(script).name);
}

/** @param {string} file @param {{ env?: NodeJS.ProcessEnv, script?: string, host?: string }} [of] */
function objectName(file, { env = process.env, script = mainScript(), host = os.hostname() } = {}) {
  const started = STARTED.toISOString().replaceAll(/[-:.]/g, '');
  const instance = `${started}-${process.pid}-${threadId}`;
  return [plain(serviceOf(env, script)), plain(host), instance, plain(file)].join('/');
}

module.exports = { objectName };
