'use strict';
// Leaks of published packages that are known, by their signatures (known-leaks.json): a report then says which
// version fixed them. `__test__/report/signature.test.js` has the suspects that the signatures are of.

const { signatureOf, SIGNATURE_VERSION } = require('./signature.js');

/** @type {{package: string, versions: string, fixedIn: string | null, signature: string, url: string, advice: string}[]} */
const KNOWN = require('./known-leaks.json');

/** `4.10.2-rc.1` as numbers; a version before a release is that release. @param {string} version */
const numbers = (version) => version.split(/[-+]/, 1)[0].split('.').map(Number);

/** Whether a version lies in a range: `*`, or `<` and a version. @param {string} version @param {string} range */
function isIn(version, range) {
  if (range === '*') return true;
  if (!/^\d/.test(version)) return false;
  const bound = numbers(range.slice(1));
  const own = numbers(version);
  const at = bound.findIndex((number, index) => number !== own[index]);
  return at !== -1 && own[at] < bound[at];
}

/** @param {any} suspect @param {string} signature @param {typeof KNOWN} known */
function knownLeak({ package: of }, signature, known) {
  const found = known.find((each) => each.signature === signature && isIn(of?.version ?? '', each.versions));
  if (found === undefined) return null;
  const { package: name, versions, fixedIn, url, advice } = found;
  const text =
    fixedIn === null
      ? `known leak of ${name}: ${advice} (${url})`
      : `known leak of ${name}, fixed in ${fixedIn}: update (${url})`;
  return { package: name, versions, fixedIn, url, text };
}

/** Adds what a suspect is recognized by, and what is known of it. @param {any} suspect @param {typeof KNOWN} [known] */
function recognized(suspect, known = KNOWN) {
  const { signature = signatureOf(suspect) } = suspect;
  const found = knownLeak(suspect, signature, known);
  return { ...suspect, signature, signatureVersion: SIGNATURE_VERSION, ...(found && { knownLeak: found }) };
}

module.exports = { recognized, isIn, KNOWN };
