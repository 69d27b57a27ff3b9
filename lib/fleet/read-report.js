'use strict';
// What the fleet keeps of one report. Reports come from other machines: each field is checked, texts are cut, and what
// has another type counts as absent.

const { createHash } = require('node:crypto');
const { PlimsollError, quote } = require('../errors.js');
const { parseReport } = require('../report/schema.js');

const LONGEST = 300;
const MOST_SUSPECTS = 100;
const MOST_STEPS = 12;
const SIGNATURE = /^[0-9a-f]{16}$/;
/** States in which the suspects of a report are those of a leak. */
const LEAKING = new Set(['leak', 'suspect', 'slow']);

// A slice of a long string keeps the whole string alive; a copy does not.
const text = (value) => (typeof value === 'string' && value !== '' ? copied(value.slice(0, LONGEST)) : null);
const copied = (value) => Buffer.from(value.toWellFormed()).toString();
const number = (value) => (Number.isFinite(value) ? value : null);
const whole = (value) => (Number.isSafeInteger(value) && value > 0 ? value : null);
const list = (value) => (Array.isArray(value) ? value : []);

/** @returns {{function: string | null, file: string | null, line: number | null, column: number | null}} */
const placeOf = (value) => ({
  function: text(value?.function),
  file: text(value?.file),
  line: whole(value?.line),
  column: whole(value?.column),
});

/** How much a suspect's evidence shows: an instance, then objects of snapshots, then a proven growth, then a place. */
function weightOf(suspect) {
  const shown = [
    suspect.file !== null || suspect.sites.length > 0,
    suspect.sites.length > 0,
    suspect.proven,
    suspect.path.length > 0,
    suspect.instance !== null,
  ];
  return shown.reduce((sum, holds, bit) => sum + Number(holds) * 2 ** bit, 0);
}

/** @param {any} raw @param {number | null} rate  of the verdict, for a suspect without one */
function suspectOf(raw, rate) {
  const { file, line, column } = placeOf(raw);
  const suspect = {
    signature: copied(raw.signature),
    cause: text(raw.cause) ?? 'other',
    name: text(raw.name) ?? '',
    file,
    line,
    column,
    package: text(raw.package?.name),
    proven: raw.proven === true,
    bytesPerMinute: number(raw.bytesPerMinute) ?? rate,
    path: list(raw.path).slice(0, MOST_STEPS).map(text).filter(Boolean),
    instance: text(raw.instance?.type),
    sites: list(raw.sites)
      .slice(0, 3)
      .map(placeOf)
      .filter((site) => site.file !== null),
    advice: text(raw.advice),
    knownLeak: text(raw.knownLeak?.text),
  };
  return { ...suspect, weight: weightOf(suspect) };
}

/** When a report was written. A date after that of its file is of a clock that is ahead. */
function writtenAt(at, fileMs) {
  const ownMs = typeof at === 'string' ? Date.parse(at) : NaN;
  if (Number.isNaN(ownMs)) return { atMs: Number.isNaN(fileMs) ? null : fileMs, aheadMs: 0 };
  const aheadMs = ownMs - fileMs;
  return aheadMs > AHEAD ? { atMs: fileMs, aheadMs } : { atMs: ownMs, aheadMs: 0 };
}
/** Machines that synchronize their clocks are seconds apart. */
const AHEAD = 10 * 60_000;

/**
 * @param {string} content @param {number} fileMs when the file was modified; NaN if that is not known
 * @throws {PlimsollError} with ERR_PLIMSOLL_REPORT; the message follows the file's name
 */
function readReport(content, fileMs) {
  const report = parsed(content);
  const about = Object(report.process);
  const all = list(report.suspects).slice(0, MOST_SUSPECTS);
  const signed = all.filter((each) => typeof each?.signature === 'string' && SIGNATURE.test(each.signature));
  const leaking = LEAKING.has(report.verdict.state);
  // The only suspect is what the verdict speaks of.
  const rate = all.length === 1 && report.verdict.state === 'leak' ? number(report.verdict.bytesPerMinute) : null;
  const { atMs, aheadMs } = writtenAt(report.at, fileMs);
  const uptimeMs = number(report.uptimeMs);
  return {
    id: idOf(report, signed),
    atMs,
    aheadMs,
    startedMs: startedAt(report.postMortem, atMs, uptimeMs),
    service: text(about.service),
    release: text(about.release),
    host: text(about.host) ?? text(about.hostname),
    pod: text(about.pod),
    hostname: text(about.hostname),
    pid: whole(report.pid),
    state: text(report.verdict.state),
    unsigned: leaking ? all.length - signed.length : 0,
    unnamed: report.verdict.state === 'leak' && all.length === 0 ? (text(report.verdict.channel) ?? 'heap') : null,
    suspects: leaking ? signed.map((each) => suspectOf(each, rate)) : [],
  };
}

/** When the process started; a post-mortem is written after its process has ended, and says when it started. */
function startedAt(postMortem, atMs, uptimeMs) {
  const startedMs = typeof postMortem?.startedAt === 'string' ? Date.parse(postMortem.startedAt) : NaN;
  if (!Number.isNaN(startedMs)) return startedMs;
  return atMs === null || uptimeMs === null ? null : atMs - uptimeMs;
}

/** The same for two copies of a report, wherever they are and however they are written. */
function idOf({ process: about, pid, threadId, at, uptimeMs, snapshots }, signed) {
  const { hostname, pod } = Object(about);
  const parts = [hostname, pod, pid, threadId, at, uptimeMs, snapshots.map((each) => each?.path), signed];
  return createHash('sha1').update(JSON.stringify(parts)).digest('base64');
}

function parsed(content) {
  try {
    return parseReport(content, 'it');
  } catch (error) {
    throw new PlimsollError('ERR_PLIMSOLL_REPORT', reasonOf(content, error), { cause: error });
  }
}

/** Why a file is no report, in words that follow its name. */
function reasonOf(content, error) {
  if (error.cause instanceof SyntaxError) {
    const begun = /^\s*\{/.test(content.slice(0, 100));
    return content === '' ? 'is empty' : begun ? 'is truncated or damaged: it is not JSON' : 'is not JSON';
  }
  const schema = /"schema"\s*:\s*("(?:[^"\\]|\\.){0,80}")/.exec(content.slice(0, 4096))?.[1];
  if (schema !== undefined && schema !== '"plimsoll.report/1"')
    return `has the schema ${quote(text(JSON.parse(schema)))}; this version reads plimsoll.report/1`;
  return schema === undefined ? 'is not a report of plimsoll' : 'is a damaged report';
}

module.exports = { readReport };
