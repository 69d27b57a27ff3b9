'use strict';
// How the programs are written down. One leak a program. `$name` gets a new name at each run (names.js), so no rule of the
// analyzer can know it. A line that ends in `//@` is one that the report may give; `expect.name` lists what it may call the
// culprit, `expect.cause` the causes that fit. Without expectations a program is healthy.
// Kinds: cjs (default), esm, typescript (transpiled, map inlined), bundle (esbuild, minified, map beside the file), tsbundle (the same from TypeScript, map inlined).

const blob = `'x'.repeat(500) + i`;
const record = `{ id: i, label: 'user ' + i, profile: { bio: ${blob}, tags: ['a', 'b', String(i)] } }`;
const MAIN = { cjs: 'main.js', esm: 'main.mjs', typescript: 'main.ts', bundle: 'main.js', tsbundle: 'main.ts' };

/**
 * @typedef {{title: string, kind?: string, files: Record<string, string>, expect: Expectation | null}} Program
 * @typedef {object} Expectation
 * @property {string[]} cause those that fit
 * @property {string[]} name what the culprit may be called
 * @property {string} [file] the main one unless given
 * @property {boolean} [line] whether a marked line has to be given
 * @property {boolean} [module] whether the place is a module's own code, which begins with it
 * @property {string} [top] what its path begins with
 * @property {string} [package] name@version
 * @property {string} [captured] the variable that functions keep alive
 * @property {string} [adder] the function that the first of the sites names, at a marked line
 * @property {number} [count] how many were gained
 * @property {number} [countById] the same where it is known only if ids are identities: of promises' reactions matched by paths
 * @property {string} [unit] what is counted, where the cause does not tell
 * @property {number} [delay] a timer's milliseconds
 * @property {boolean} [data] whether the name or the file is data of the program's, which a redacted snapshot does not have
 * @property {RegExp} [advice] what has to be said
 */

function collect() {
  /** @type {Program[]} */
  const programs = [];
  const add = (title, files, expect, kind = 'cjs') => {
    programs.push({ title, kind, files: typeof files === 'string' ? { [MAIN[kind]]: files } : files, expect });
  };
  return { programs, add };
}

module.exports = { collect, blob, record, MAIN };
