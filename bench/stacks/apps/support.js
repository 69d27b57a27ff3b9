'use strict';
// What the applications share: their packages, and the requests of their clients.

const path = require('node:path');

const PACKAGES = path.join(__dirname, '../node_modules');
const TIMEOUT_MS = 20_000;

/** A file of an installed package. */
const inPackage = (file) => path.join(PACKAGES, file);

/** Sends a request. @returns {Promise<any>} the body: parsed if it is JSON */
async function call(url, { method = 'GET', json, form, headers = {} } = {}) {
  const sent = json === undefined ? form && new URLSearchParams(form) : JSON.stringify(json);
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(url, { ...(sent && { body: sent }), method, headers: { ...type, ...headers }, signal });
  const text = await response.text();
  if (!response.ok && response.status !== 409)
    throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 200)}`);
  return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
}

module.exports = { inPackage, call };
