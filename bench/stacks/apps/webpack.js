'use strict';
// `webpack --watch` of a project whose modules are edited.

const fs = require('node:fs');
const path = require('node:path');
const project = require('./project.js');
const { inPackage } = require('./support.js');

function program({ dir, plugin }) {
  project.create(dir);
  fs.writeFileSync(
    path.join(dir, 'webpack.config.js'),
    `module.exports = {
  mode: 'development',
  entry: './src/index.js',
  plugins: [${plugin === undefined ? '' : `new (require(${JSON.stringify(plugin)}))()`}],
};
`,
  );
  return { script: inPackage('webpack/bin/webpack.js'), args: ['--watch'], cwd: dir, listens: false };
}

async function request({ dir, i }) {
  project.edit(dir, i);
}

module.exports = { program, request, rate: 0.5, causes: ['array'] };
