'use strict';
// https: one PUT for each file, with its length. The certificate is always verified; no redirect is followed.

const fs = require('node:fs');
const https = require('node:https');
const { pipeline } = require('node:stream');
const { failure } = require('../compress.js');

const MOST_SECRET_BYTES = 16_384;

/** A secret from a file, without the line end. */
function readSecret(file) {
  const text = fs.readFileSync(file, 'utf8');
  if (text.length > MOST_SECRET_BYTES) throw failure('ERR_PLIMSOLL_SECRET', 'the file is too large');
  return text.trim();
}

/** Header lines `Name: value` from PLIMSOLL_SEND_HEADERS or the file that PLIMSOLL_SEND_HEADERS_FILE names. */
function headersFrom(env) {
  const text = env.PLIMSOLL_SEND_HEADERS_FILE ? readSecret(env.PLIMSOLL_SEND_HEADERS_FILE) : env.PLIMSOLL_SEND_HEADERS;
  const lines = (text ?? '').split(/\r?\n/).filter((line) => line.trim() !== '');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      if (at < 1) throw failure('ERR_PLIMSOLL_SECRET', 'a header has no colon');
      return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

/**
 * The URL of an object. `{object}` in a secret URL is replaced. A URL with a query and no `{object}` is presigned for
 * one object, which the latest report replaces.
 */
function urlOf({ url, env, file }, object) {
  if (url !== undefined) return new URL(`${url}/${object}`);
  const secret = file === undefined ? process.env[env] : readSecret(file);
  if (!secret) throw failure('ERR_PLIMSOLL_SECRET', 'there is no URL');
  const target = secret.includes('{object}') ? secret.replaceAll('{object}', object) : secret;
  let parsed;
  try {
    parsed = new URL(target);
  } catch {
    throw failure('ERR_PLIMSOLL_SECRET', 'the URL is not valid');
  }
  if (parsed.protocol !== 'https:') throw failure('ERR_PLIMSOLL_SECRET', 'the URL is not https');
  if (target === secret && parsed.search === '') parsed.pathname = `${parsed.pathname.replace(/\/+$/, '')}/${object}`;
  return parsed;
}

/** Whether a destination takes one object only. */
function takesReportsAlone(destination) {
  if (destination.url !== undefined) return false;
  const secret = destination.file === undefined ? process.env[destination.env] : readSecret(destination.file);
  return secret !== undefined && secret.includes('?') && !secret.includes('{object}');
}

/** @param {any} destination @param {import('../transfer.js').Parcel} parcel */
async function toHttps(destination, { object, bytes, open, signal, kind }) {
  if (kind !== 'report' && takesReportsAlone(destination))
    throw failure('ERR_PLIMSOLL_SKIPPED', 'a presigned URL takes one object');
  const headers = { 'content-type': 'application/octet-stream', ...headersFrom(process.env), 'content-length': bytes };
  const options = { method: 'PUT', headers, signal, agent: false, rejectUnauthorized: true };
  const status = await new Promise((resolve, reject) => {
    const request = https.request(urlOf(destination, object), options, (response) => {
      response.on('error', () => {}).resume();
      resolve(response.statusCode);
    });
    request.once('error', reject);
    // A server that refuses early closes the connection: the response or the request's error says why.
    pipeline(open(), request, () => {});
  });
  if (status < 200 || status > 299) throw failure(`HTTP_${status}`, 'the server refused it');
}

module.exports = { toHttps, headersFrom, urlOf };
