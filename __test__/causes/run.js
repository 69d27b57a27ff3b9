'use strict';
// Writes a program of programs.js with new names, runs it on a given Node, and hands back its snapshots.
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
      compilerOptions: { target: 'es2022', module: 'commonjs', inlineSourceMap: true, sourceRoot: '..' },
    });
    fs.mkdirSync(path.join(dir, 'dist'));
    fs.writeFileSync(path.join(dir, 'dist/main.js'), outputText);
    return 'dist/main.js';
  },
  bundle(dir) {
    require('esbuild').buildSync({
      entryPoints: [path.join(dir, 'main.js')],
      outfile: path.join(dir, 'dist/bundle.js'),
      bundle: true,
      minify: true,
      sourcemap: true,
      platform: 'node',
      format: 'cjs',
      logLevel: 'silent',
    });
    return 'dist/bundle.js';
  },
  tsbundle(dir) {
    require('esbuild').buildSync({
      entryPoints: [path.join(dir, 'main.ts')],
      outfile: path.join(dir, 'dist/bundle.js'),
      bundle: true,
      minify: true,
      sourcemap: 'inline',
      platform: 'node',
      format: 'cjs',
      target: 'es2022',
      logLevel: 'silent',
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
 * @param {{node?: string, random: () => number, rounds?: number, steps?: number, warm?: number, dir?: string, take?: object}} options
 *   `warm`: so many steps before the first round at least; `take`: by takeSnapshot, with these options
 * @returns {Promise<{dir: string, snapshots: string[], expect: Expected | null}>}
 *
 * @typedef {Omit<import('./define.js').Expectation, 'line'> & {file: string, text: string, lines: number[] | null}} Expected
 */
async function runProgram(program, { node = process.execPath, random, rounds = 3, steps, warm, dir, take }) {
  dir = dir ?? fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-causes-'));
  const name = makeNaming(random);
  const written = new Map();
  for (const [file, template] of Object.entries(program.files)) {
    const { text, marked } = unmark(name(template));
    const target = path.join(dir, name(file));
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    written.set(name(file), { text, marked });
  }
  const main = path.join(dir, build[program.kind](dir));
  const snapshots = await runDriven(main, program.title, { node, rounds, steps, warm, dir, take });
  if (program.expect === null) return { dir, snapshots, expect: null };
  const { line, ...expect } = program.expect;
  const named = Object.fromEntries(
    Object.entries(expect).map(([key, value]) => [key, typeof value === 'string' ? name(value) : value]),
  );
  const [file, { text, marked }] = [...written].find(([key]) => key.endsWith(named.file ?? MAIN[program.kind]));
  return {
    dir,
    snapshots,
    expect: { ...named, name: expect.name.map(name), file: path.join(dir, file), text, lines: line ? marked : null },
  };
}

/**
 * Runs a file that calls drive(), and returns the paths of its snapshots.
 * @param {string} main @param {string} title
 * @param {{node?: string, rounds?: number, steps?: number, warm?: number, dir: string, take?: object}} options
 * @returns {Promise<string[]>}
 */
async function runDriven(main, title, { node = process.execPath, rounds = 3, steps, warm, dir, take }) {
  await new Promise((resolve, reject) => {
    const env = {
      PATH: process.env.PATH,
      SNAPSHOTS: dir,
      ROUNDS: String(rounds),
      ...(steps && { STEPS: String(steps) }),
      ...(warm && { WARM: String(warm) }),
      ...(take && { TAKE: JSON.stringify(take) }),
    };
    const child = spawn(node, ['--require', drivePath, main], { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`${title}: exit ${code ?? signal}\n${stderr}`)),
    );
  });
  return snapshotsOf(dir, rounds);
}

const snapshotsOf = (dir, rounds) =>
  ['A', 'B', 'C'].slice(0, rounds).map((letter) => path.join(dir, `${letter}.heapsnapshot`));

module.exports = { runProgram, runDriven };
