'use strict';
// Vite's development server: a browser that loads the page, and takes each module again that was edited.

const fs = require('node:fs');
const path = require('node:path');
const project = require('./project.js');
const { call, inPackage } = require('./support.js');

function program({ dir, port, plugin }) {
  project.create(dir);
  const use = plugin === undefined ? '' : "import plugin from 'versions';\n";
  if (plugin !== undefined) asPackage(dir, plugin);
  fs.writeFileSync(path.join(dir, 'vite.config.mjs'), `${use}export default { plugins: [${use && 'plugin()'}] };\n`);
  return {
    script: inPackage('vite/bin/vite.js'),
    args: ['--host', '127.0.0.1', '--port', String(port), '--strictPort', '--logLevel', 'error'],
    cwd: dir,
  };
}

/** Vite bundles the files of its configuration into a temporary one, but not packages. */
function asPackage(dir, plugin) {
  const folder = path.join(dir, 'node_modules/versions');
  fs.mkdirSync(folder, { recursive: true });
  fs.copyFileSync(plugin, path.join(folder, path.basename(plugin)));
  fs.writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'versions', version: '1.0.0', exports: `./${path.basename(plugin)}` }),
  );
}

async function request({ port, i, dir }) {
  const url = `http://127.0.0.1:${port}`;
  if (i % 40 === 0) {
    await call(`${url}/`, { headers: { accept: 'text/html' } });
    for (let n = 0; n < project.MODULES; n++) await call(`${url}/src/m${n}.js`);
  } else if (i % 5 === 0) await call(`${url}/src/${project.edit(dir, i)}?t=${Date.now()}`);
  else await call(`${url}/src/m${(i * 7) % project.MODULES}.js`);
}

module.exports = { program, request, rate: 8, causes: ['map'] };
