'use strict';
// Writes a program of programs.js with names drawn anew, runs it on a given Node, and hands back its snapshots.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { MAIN } = require('./define.js');
const { makeNaming } = require('./names.js');

const drivePath = path.join(__dirname, 'drive.cjs');

const build = {
  cjs: () => 'main.js',
  esm: () => 'main.mjs',
  typescript(dir) {
    const typescript = require('typescript');
    const source = fs.readFileSync(path.join(dir, 'main.ts'), 'utf8');
    const { outputText } = typescript.transpileModule(source, {
      fileName: 'main.ts',
      compilerOptions: { target: 'es2022', module: 'commonjs', inlineSourceMap: true },
    });
    fs.mkdirSync(path.join(dir, 'dist'));
    fs.writeFileSync(path.join(dir, 'dist/main.js'), outputText.replace('sources":["main.ts"]', 'sources":["../main.ts"]'));
    return 'dist/main.js';
  },
  bundle(dir) {
    require('esbuild').buildSync({
      entryPoints: [path.join(dir, 'main.js')],
      outfile: path.join(dir, 'dist/bundle.js'),
      bundle: true, minify: true, sourcemap: true, platform: 'node', format: 'cjs', logLevel: 'silent',
    });
    return 'dist/bundle.js';
  },
};

/** The lines (1-based) of each file that end in `//@`, and the text without these marks. */
function unmark(text) {
  const lines = text.replace(/^\n/, '').split('\n');
  const marked = lines.flatMap((line, i) => (line.endsWith('//@') ? [i + 1] : []));
  return { text: `${lines.map((line) => line.replace(/ *\/\/@$/, '')).join('\n')}\n`, marked };
}

/**
 * @param {import('./define.js').Program} program
 * @param {{node?: string, random: () => number, rounds?: number, steps?: number, dir?: string, take?: object}} options `take`: by takeSnapshot, with these options
 * @returns {Promise<{dir: string, snapshots: string[], expect: {cause: string[], name: string[], file: string, lines: number[] | null, package?: string} | null}>}
 */
async function runProgram(program, { node = process.execPath, random, rounds = 3, steps, dir, take }) {
  dir = dir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-causes-'));
  const name = makeNaming(random);
  const lines = new Map();
  for (const [file, template] of Object.entries(program.files)) {
    const { text, marked } = unmark(name(template));
    const target = path.join(dir, name(file));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    lines.set(name(file), marked);
  }
  const main = build[program.kind](dir);
  await new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH, SNAPSHOTS: dir, ROUNDS: String(rounds), ...(steps && { STEPS: String(steps) }), ...(take && { TAKE: JSON.stringify(take) }) };
    const child = spawn(node, ['--require', drivePath, path.join(dir, main)], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => (code === 0 ? resolve() : reject(new Error(`${program.title}: exit ${code ?? signal}\n${stderr}`))));
  });
  const { expect } = program;
  if (expect === null) return { dir, snapshots: snapshotsOf(dir, rounds), expect };
  const file = name(expect.file ?? MAIN[program.kind]);
  const found = [...lines].find(([key]) => key.endsWith(file));
  return {
    dir,
    snapshots: snapshotsOf(dir, rounds),
    expect: { cause: expect.cause, name: expect.name.map(name), file, lines: expect.line ? found[1] : null, ...(expect.package && { package: name(expect.package) }) },
  };
}

const snapshotsOf = (dir, rounds) => ['A', 'B', 'C'].slice(0, rounds).map((letter) => path.join(dir, `${letter}.heapsnapshot`));

module.exports = { runProgram };
