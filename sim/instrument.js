'use strict';
// Adds the count of work to a source file, and puts the simulation's seams in place of the globals that it names.
// No line moves: a stack trace of the copy names the lines of lib/.

const path = require('node:path');
const ts = require('typescript');

const SEAMS = path.join(__dirname, 'seams.js');
const LOOPS = new Set([
  ts.SyntaxKind.ForStatement,
  ts.SyntaxKind.ForInStatement,
  ts.SyntaxKind.ForOfStatement,
  ts.SyntaxKind.WhileStatement,
  ts.SyntaxKind.DoStatement,
]);
/** Built-in methods whose work is the length of what they return, and of what they are called on. */
const BY_RESULT = new Set(['slice', 'concat', 'fill', 'map', 'filter', 'flatMap', 'from', 'toSorted', 'toReversed']);
const BY_RECEIVER = new Set([
  'indexOf',
  'includes',
  'find',
  'findIndex',
  'shift',
  'unshift',
  'splice',
  'some',
  'every',
]);
const COLUMNS = /^(?:Array|Int8Array|Uint8Array|Int16Array|Uint16Array|Int32Array|Uint32Array|Float64Array)$/;

/** Whether a call of a method is of a built-in one; `super.x()` and `this.x()` are not. */
function methodOf(node) {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return null;
  const { expression, name } = node.expression;
  if (expression.kind === ts.SyntaxKind.SuperKeyword || expression.kind === ts.SyntaxKind.ThisKeyword) return null;
  return ts.isPrivateIdentifier(name) ? null : name.text;
}

/** The insertions for one node: [position, text, whether it closes]. */
function insertionsFor(node, source) {
  const around = (inner, before, after) => [
    [inner.getStart(source), before, false],
    [inner.getEnd(), after, true],
  ];
  if (LOOPS.has(node.kind)) return around(node.statement, '{__sim.work.loop();', '}');
  const method = methodOf(node);
  if (method !== null && BY_RESULT.has(method)) return around(node, '__sim.work.result(', ')');
  if (method !== null && BY_RECEIVER.has(method))
    return around(node.expression.expression, '__sim.work.receiver(', ')');
  const makesColumn =
    ts.isNewExpression(node) && ts.isIdentifier(node.expression) && COLUMNS.test(node.expression.text);
  const spreads = ts.isArrayLiteralExpression(node) && node.elements.some(ts.isSpreadElement) && !isPattern(node);
  return makesColumn || spreads ? around(node, '__sim.work.result(', ')') : [];
}

/** `[a, ...b] = c` looks like an array. */
function isPattern(node) {
  const { parent } = node;
  return (
    (ts.isBinaryExpression(parent) &&
      parent.left === node &&
      parent.operatorToken.kind === ts.SyntaxKind.EqualsToken) ||
    ((ts.isForOfStatement(parent) || ts.isForInStatement(parent)) && parent.initializer === node)
  );
}

/** The beginning of a file that runs on the simulated machine. */
const onMachine = (names) =>
  `const { ${names.join(', ')} } = __sim.system; require = __sim.system.requireFor(require);`;

/**
 * @param {string} text  of a CommonJS file @param {string} name  for parse errors
 * @param {string[]} globals  names that come from seams.js
 * @param {string[]} [system]  names that come from system/modules.js, and with them the modules of Node
 */
function instrument(text, name, globals, system = []) {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.ES2023, true, ts.ScriptKind.JS);
  const insertions = [];
  const visit = (node, depth) => {
    for (const [at, added, closes] of insertionsFor(node, source)) insertions.push({ at, added, closes, depth });
    ts.forEachChild(node, (child) => visit(child, depth + 1));
  };
  visit(source, 0);
  // At one position, inner nodes close first and outer nodes open first.
  insertions.sort((a, b) => a.at - b.at || b.closes - a.closes || (a.closes ? b.depth - a.depth : a.depth - b.depth));
  const strict = text.match(/^(?:#![^\n]*\n)?'use strict';/)?.[0].length ?? 0;
  const names = globals.length === 0 ? '' : `const { ${globals.join(', ')} } = __sim;`;
  const seams = `const __sim = require(${JSON.stringify(SEAMS)});${names}`;
  let result = `${text.slice(0, strict)}${seams}${system.length === 0 ? '' : onMachine(system)}`;
  let done = strict;
  for (const { at, added } of insertions) {
    result += text.slice(done, at) + added;
    done = at;
  }
  return result + text.slice(done);
}

module.exports = { instrument };
