'use strict';
// TypeScript's language server under edits: changes, diagnostics, completions, quick info and references by its
// standard input.

const fs = require('node:fs');
const path = require('node:path');
const { inPackage } = require('./support.js');

const FILES = 30;
const text = (n) => `import { Item as Next } from './f${(n + 1) % FILES}';
export interface Item { id: number; name: string; tags: string[]; parts: Map<string, number> }
export function total(items: Item[]): number {
  return items.flatMap((item) => [...item.parts.values()]).reduce((sum, part) => sum + part, 0);
}
export const names = (items: Next[]) => items.map(({ name }) => name.toUpperCase());
`;

function program({ dir, plugin }) {
  for (let n = 0; n < FILES; n++) fs.writeFileSync(path.join(dir, `f${n}.ts`), text(n));
  const plugins = plugin === undefined ? [] : [{ name: 'history-of-completions' }];
  fs.writeFileSync(
    path.join(dir, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { strict: true, types: [], plugins } }),
  );
  const folder = path.join(dir, 'node_modules/history-of-completions');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'index.js'), `module.exports = require(${JSON.stringify(plugin ?? 'none')});\n`);
  return {
    script: inPackage('typescript/lib/tsserver.js'),
    args: ['--disableAutomaticTypingAcquisition', '--pluginProbeLocations', dir],
    cwd: dir,
    listens: false,
  };
}

let seq = 0;
const send = (child, command, args) =>
  child.stdin.write(`${JSON.stringify({ seq: seq++, type: 'request', command, arguments: args })}\n`);

/** One edit, which the next one takes back, and what an editor asks for after it. */
async function request({ child, dir, i }) {
  const n = (Math.trunc(i / 2) * 7) % FILES;
  const file = path.join(dir, `f${n}.ts`);
  if (i < FILES) send(child, 'open', { file: path.join(dir, `f${i}.ts`) });
  const added = 'export const extra = total([]);\n';
  const at = { file, line: 1, offset: 1 };
  if (i % 2 === 0) send(child, 'change', { ...at, endLine: 1, endOffset: 1, insertString: added });
  else send(child, 'change', { ...at, endLine: 2, endOffset: 1, insertString: '' });
  send(child, 'semanticDiagnosticsSync', { file });
  send(child, 'quickinfo', { file, line: 3, offset: 18 });
  send(child, 'completionInfo', { file, line: 4 + (i % 2), offset: 16 });
  if (i % 10 === 0) send(child, 'references', { file, line: 2, offset: 20 });
}

module.exports = { program, request, rate: 2, causes: ['array'] };
