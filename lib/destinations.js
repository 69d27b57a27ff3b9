'use strict';
// The destinations of `send`: what each text or object means. What is secret is named by an environment variable or a
// file, and is read by the sender's process alone.

const { createHash } = require('node:crypto');
const path = require('node:path');
const { PlimsollTypeError, quote } = require('./errors.js');

/** More destinations are a mistake: each file is sent to each of them. */
const MOST = 8;
const FORMS =
  's3://bucket/prefix, https://host/path, https:env:NAME, https:file:/path, file:/dir or exec:["command","{file}"]';
const VARIABLE = /^[A-Za-z_]\w*$/;
/** The characters that S3 calls safe. */
const PREFIX = /^[\w!.*'()/=-]*$/;
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

/**
 * @typedef {{ kind: 's3', bucket: string, prefix: string }
 *   | { kind: 'https', url: string }
 *   | { kind: 'https', env: string }
 *   | { kind: 'https', file: string }
 *   | { kind: 'file', dir: string }
 *   | { kind: 'exec', command: string[] }} Destination
 */

const refuse = (given, why) =>
  new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `send has a destination that ${why}; it takes ${FORMS} (${given}).`);

/** The scheme alone: the rest of a refused text may be a secret. */
const schemeOf = (text) => `given: ${quote(/^[a-z0-9]+:/i.exec(text)?.[0] ?? '')} and ${text.length} characters`;

function s3(text) {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  if (bucket === undefined || !BUCKET.test(bucket)) throw refuse(schemeOf(text), 'has no valid bucket');
  if (!PREFIX.test(prefix)) throw refuse(schemeOf(text), 'has a prefix with characters that S3 advises against');
  return { kind: 's3', bucket, prefix: prefix.replace(/^\/+|\/+$/g, '') };
}

function https(text) {
  const [, source, name] = /^https:(env|file):(.*)$/s.exec(text) ?? [];
  if (source === 'env') {
    if (!VARIABLE.test(name)) throw refuse(schemeOf(text), 'names no environment variable');
    return { kind: 'https', env: name };
  }
  if (source === 'file') {
    if (!path.isAbsolute(name)) throw refuse(schemeOf(text), 'names its URL file by a path that is not absolute');
    return { kind: 'https', file: name };
  }
  let url;
  try {
    url = new URL(text);
  } catch {
    throw refuse(schemeOf(text), 'is not a URL');
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '')
    throw refuse(
      schemeOf(text),
      'may contain a secret (a user, a query or a fragment): give it by https:env:NAME or https:file:/path',
    );
  return { kind: 'https', url: url.href.replace(/\/+$/, '') };
}

function file(text) {
  const dir = text.slice('file:'.length).replace(/^\/\/(?=\/)/, '');
  if (!path.isAbsolute(dir) || dir.includes('\0')) throw refuse(schemeOf(text), 'is not an absolute path');
  return { kind: 'file', dir: path.normalize(dir) };
}

function exec(command, given) {
  const isValid =
    Array.isArray(command) &&
    command.length > 0 &&
    command[0] !== '' &&
    command.every((word) => typeof word === 'string' && !word.includes('\0'));
  if (!isValid) throw refuse(given, 'has no array of arguments for exec');
  return { kind: 'exec', command: [...command] };
}

function execText(text) {
  const given = text.slice('exec:'.length);
  if (!given.startsWith('[')) return exec([given], schemeOf(text));
  try {
    return exec(JSON.parse(given), schemeOf(text));
  } catch (error) {
    if (error.code === 'ERR_PLIMSOLL_OPTION') throw error;
    throw refuse(schemeOf(text), 'has arguments for exec that are not JSON');
  }
}

/** @param {unknown} given @returns {Destination} */
function destinationOf(given) {
  if (typeof given === 'object' && given !== null && Object.keys(given).join() === 'exec')
    return exec(/** @type {any} */ (given).exec, 'given: an object');
  if (typeof given !== 'string') throw refuse(`given: ${quote(given)}`, 'is neither a text nor { exec: [...] }');
  if (given.startsWith('s3://')) return s3(given);
  if (given.startsWith('https:')) return https(given);
  if (given.startsWith('file:')) return file(given);
  if (given.startsWith('exec:')) return execText(given);
  throw refuse(schemeOf(given), 'has an unknown scheme');
}

/** `a,exec:["b","c"],d`: commas within the brackets of exec belong to its arguments. @param {string} text */
function split(text) {
  const parts = [];
  for (let rest = text.trim(); rest !== '';) {
    const end = rest.startsWith('exec:[') ? endOfArray(rest) : rest.indexOf(',');
    const stop = end === -1 ? rest.length : end;
    parts.push(rest.slice(0, stop).trim());
    rest = rest.slice(stop).replace(/^\s*,\s*/, '');
  }
  return parts;
}

function endOfArray(text) {
  for (let at = text.indexOf(']'); at !== -1; at = text.indexOf(']', at + 1)) {
    try {
      JSON.parse(text.slice('exec:'.length, at + 1));
      return at + 1;
    } catch {
      // A bracket within an argument.
    }
  }
  return -1;
}

/** @param {unknown} given a list @returns {Destination[]} */
function destinationsOf(given) {
  if (!Array.isArray(given)) throw refuse(`given: ${quote(given)}`, 'is not in a list');
  if (given.length > MOST)
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `send takes at most ${MOST} destinations; it has ${given.length}.`,
    );
  return given.map(destinationOf);
}

/** The same in each process that has the destination in its options. @param {Destination} destination */
const idOf = (destination) => createHash('sha256').update(JSON.stringify(destination)).digest('hex').slice(0, 12);

/** For warnings: nothing of a URL but its host, nothing of a command but its name. @param {any} destination */
function nameOf(destination) {
  switch (destination.kind) {
    case 's3':
      return `s3://${destination.bucket}`;
    case 'https':
      if (destination.env !== undefined) return `https:env:${destination.env}`;
      return destination.file === undefined ? `https://${new URL(destination.url).host}` : 'https:file';
    case 'file':
      return `file:${destination.dir}`;
    default:
      return `exec:${path.basename(destination.command[0])}`;
  }
}

module.exports = { destinationsOf, split, idOf, nameOf };
