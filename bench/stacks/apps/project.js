'use strict';
// A project of 60 modules for the build servers, and edits of its modules.

const fs = require('node:fs');
const path = require('node:path');

const MODULES = 60;

const source = (n, version) => `import { render as next } from './m${(n + 1) % MODULES}.js';
const rows = Array.from({ length: 20 }, (_, row) => ({ row, name: 'row ' + row + ' ${version}' }));
export function render(depth = 0) {
  const html = rows.map(({ row, name }) => '<li id="' + row + '">' + name + '</li>').join('');
  return depth > 3 ? html : html + next(depth + 1);
}
`;

function create(dir) {
  const src = path.join(dir, 'src');
  fs.mkdirSync(src, { recursive: true });
  for (let n = 0; n < MODULES; n++) fs.writeFileSync(path.join(src, `m${n}.js`), source(n, 0));
  fs.writeFileSync(path.join(src, 'index.js'), `import { render } from './m0.js';\nconsole.log(render());\n`);
  fs.writeFileSync(path.join(dir, 'index.html'), '<div></div><script type="module" src="/src/index.js"></script>\n');
  fs.writeFileSync(path.join(dir, 'package.json'), '{"name":"project","version":"1.0.0","private":true}\n');
}

/** Changes one module. @returns {string} its name */
function edit(dir, i) {
  const name = `m${(i * 7) % MODULES}.js`;
  fs.writeFileSync(path.join(dir, 'src', name), source((i * 7) % MODULES, i % 1000));
  return name;
}

module.exports = { MODULES, create, edit };
