'use strict';
// Where a server's code and objects lie, as chance.
//
// A program's code and heap come to lie the same way in each of its processes, and how they do decides what the processor's caches
// and predictors make of it. Whatever is loaded before moves all of it: versions of plimsoll that execute the same number of instructions
// differed by 2 % of a plain http server's time, always in the same direction, and the same server with some dead code of its own took
// .3 to .9 % more than without. That is a property of the one layout and not of what is measured (Mytkowicz et al., "Producing wrong data
// without doing anything obviously wrong!", ASPLOS 2009). So each process moves its own first, by chance, and more processes make the
// chance smaller (Curtsinger and Berger, "STABILIZER", ASPLOS 2013).

const MOST_EXPRESSIONS = 200;
const MOST_FUNCTIONS = 100;
const MOST_OBJECTS = 2000;

const upTo = (most) => Math.floor(Math.random() * most);
const times = (most, make) => Array.from({ length: upTo(most) }, make);

/** Machine code: V8 compiles an expression when it is used again. */
function expression(_, n) {
  const one = new RegExp(`${'x'.repeat(1 + upTo(40))}[0-9]{${n}}`);
  for (let uses = 0; uses < 3; uses++) one.test('xxxx');
  return one;
}

/** Machine code of V8's compilers. */
function compiled(_, n) {
  const one = new Function(
    'times',
    `let sum = ${n}; for (let i = 0; i < times; i++) { ${'sum = (sum * 31 + i) | 0;'.repeat(1 + upTo(10))} } return sum;`,
  );
  for (let uses = 0; uses < 50; uses++) one(1000);
  return one;
}

/** @returns what must be kept */
function scatter() {
  return [
    times(MOST_EXPRESSIONS, expression),
    times(MOST_OBJECTS, () => times(60, () => 0)),
    times(MOST_FUNCTIONS, compiled),
  ];
}

module.exports = { scatter };
