// Bundles DevTools' worker, as TypeScript sources, into one module that Node can run.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const sources = 'chrome-devtools-frontend/front_end/entrypoints/heap_snapshot_worker';

// Made by DevTools' own build: its list of languages. The worker speaks none.
const locales = {
  name: 'locales',
  setup(on) {
    on.onResolve({ filter: /\/locales\.js$/ }, () => ({ path: 'locales', namespace: 'locales' }));
    on.onLoad({ filter: /.*/, namespace: 'locales' }, () => ({
      contents: `
        export const LOCALES = ['en-US'], BUNDLED_LOCALES = [], DEFAULT_LOCALE = 'en-US';
        export const REMOTE_FETCH_PATTERN = '', LOCAL_FETCH_PATTERN = '';`,
    }));
  },
};

await build({
  stdin: {
    contents: `
      export { HeapSnapshotLoader } from '${sources}/HeapSnapshotLoader.ts';
      export { SecondaryInitManager } from '${sources}/HeapSnapshot.ts';`,
    resolveDir: here('.'),
  },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  outfile: here('node_modules/.cache/worker.mjs'),
  // Node 20 has none.
  banner: {
    js: `Promise.withResolvers ??= function () {
      let resolve, reject;
      const promise = new this((...both) => ([resolve, reject] = both));
      return { promise, resolve, reject };
    };`,
  },
  logLevel: 'error',
  plugins: [locales],
});
