'use strict';
// Runs parts of the simulation: first the programs that failed once, then programs drawn from a seed, in turn.

const fc = require('fast-check');
const { settle } = require('./seams.js');

/** Programs drawn between two looks at the clock. */
const SLICE = 100;

/** Milliseconds in which fast-check looks for a shorter program. */
const LONGEST_SHRINKING = 20_000;

/** The seed of each slice: fast-check's are 32 bits. */
function seedOf(seed, part, slice) {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ slice;
  for (const character of part) hash = Math.imul(hash, 0x01000193) ^ character.charCodeAt(0);
  return hash ^ (hash >>> 15);
}

/** Runs one program; settles what it leaves behind. @returns {Promise<number>} steps */
async function runProgram(part, pack, program) {
  try {
    return await part.run(pack, program);
  } finally {
    settle();
  }
}

/** Runs a slice. @returns {Promise<{ steps: number, programs: number, failure: object | null }>} */
async function runSlice(part, pack, seed, { programs = part.slice ?? SLICE, shrinks = true } = {}) {
  let steps = 0;
  let failedAt = Infinity;
  const property = fc.asyncProperty(part.program, async (program) => {
    // Every candidate passes from then on, so fast-check ends with the shortest program it has.
    if (Date.now() - failedAt > LONGEST_SHRINKING) return;
    try {
      steps += await runProgram(part, pack, program);
    } catch (error) {
      failedAt = Math.min(failedAt, Date.now());
      throw error;
    }
  });
  const result = await fc.check(property, { seed, numRuns: programs, endOnFailure: !shrinks });
  const failure = result.failed
    ? {
        part: part.name,
        seed,
        path: result.counterexamplePath,
        error: result.errorInstance,
        program: result.counterexample[0],
      }
    : null;
  return { steps, programs: result.numRuns, failure };
}

/**
 * @param {object} given
 * @param {object[]} given.parts @param {object} given.pack  the package @param {number} given.seed
 * @param {object[]} given.known  failures of former runs
 * @param {() => boolean} given.goesOn  asked between two slices
 * @param {boolean} given.shrinks  whether a program that fails is made shorter
 * @param {(part: object, slice: { steps: number, programs: number }) => void} given.note
 * @returns {Promise<object | null>} the first failure
 */
async function campaign({ parts, pack, seed, known, goesOn, shrinks, note }) {
  for (const { part: name, program, ...rest } of known) {
    const part = parts.find((each) => each.name === name);
    if (part === undefined) continue;
    try {
      note(part, { steps: await runProgram(part, pack, program), programs: 1 });
    } catch (error) {
      return { part: name, ...rest, error, program };
    }
  }
  for (let slice = 0; ; slice++) {
    for (const part of parts) {
      if (!goesOn()) return null;
      const { failure, ...done } = await runSlice(part, pack, seedOf(seed, part.name, slice), { shrinks });
      note(part, done);
      if (failure !== null) return failure;
    }
  }
}

module.exports = { campaign, runProgram };
