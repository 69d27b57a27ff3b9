'use strict';
// V8 inlines small functions, and its heap profile then names their caller: `(anonymous)` for `append`. The source of
// the caller shows the call.

const path = require('node:path');
const { sourceReader } = require('./excerpt.js');

const escaped = (name) => name.replaceAll(/[$#]/g, '\\$&');

/** Whether the caller's source has a call of the function, from the caller's line on. */
function calls(site, adder, source) {
  const call = new RegExp(`(?<![\\w$#])${escaped(adder.function)}\\s*\\(`, 'g');
  const lines = source.split('\n');
  return lines.some((text, at) => {
    if (at + 1 < site.line) return false;
    const isDefined = (column) => site.file === adder.file && at + 1 === adder.line && column + 1 === adder.column;
    return [...text.matchAll(call)].some(({ index }) => !isDefined(index));
  });
}

/**
 * The sites of a suspect with the function that adds to it in place of callers without a name.
 * @param {{function: string | null, file: string | null, line: number | null, column: number | null, share?: number}[]} sites
 * @param {{function: string, file: string, line: number, column: number} | undefined} adder
 */
function withAdder(sites, adder) {
  if (adder === undefined) return sites;
  const read = sourceReader([path.dirname(adder.file)]);
  const isCaller = (site) => {
    if (site.function !== null || site.file === null) return false;
    const source = read(site.file);
    return source !== null && calls(site, adder, source);
  };
  return sites.map((site) => (isCaller(site) ? { ...site, ...adder } : site));
}

const isPackage = ({ file }) => file !== null && /[\\/]node_modules[\\/]/.test(file);

/**
 * The sites of a suspect of the application without code of packages: what its entries lead to there did not add them.
 * @param {any} suspect
 */
function withoutPackages({ adder, sites }) {
  return adder === undefined || isPackage(adder) ? sites : sites.filter((site) => !isPackage(site));
}

/** The function that adds to a suspect, unless it is among its sites. @param {any} suspect */
function adderOf({ adder, sites }) {
  const isShown = (site) => site.file === adder.file && site.function === adder.function;
  return adder === undefined || sites.some(isShown) ? null : adder;
}

module.exports = { withAdder, withoutPackages, adderOf };
