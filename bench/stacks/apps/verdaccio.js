'use strict';
// verdaccio: a registry of its own, without another one above it; packages are published, read and installed.

const fs = require('node:fs');
const path = require('node:path');
const { call, inPackage } = require('./support.js');

const PACKAGES = 60;

function program({ dir, port, plugin }) {
  const plugins = path.join(dir, 'plugins');
  fs.mkdirSync(path.join(plugins, 'verdaccio-audit-log'), { recursive: true });
  if (plugin !== undefined)
    fs.writeFileSync(
      path.join(plugins, 'verdaccio-audit-log/index.js'),
      `module.exports = require(${JSON.stringify(plugin)});\n`,
    );
  const config = path.join(dir, 'config.yaml');
  const middlewares = plugin === undefined ? '' : 'middlewares:\n  audit-log:\n    enabled: true\n';
  fs.writeFileSync(
    config,
    `storage: ${dir}/storage
plugins: ${plugins}
web:
  enable: false
auth:
  htpasswd:
    file: ${dir}/htpasswd
uplinks: {}
packages:
  '**':
    access: $all
    publish: $all
${middlewares}log: { type: stdout, format: json, level: error }
`,
  );
  return { script: inPackage('verdaccio/bin/verdaccio'), args: ['--config', config, '--listen', `127.0.0.1:${port}`] };
}

/** What `npm publish` sends. */
function published(name, version) {
  const data = Buffer.alloc(20_000, name).toString('base64');
  const file = `${name}-${version}.tgz`;
  const dist = { tarball: `http://127.0.0.1/${name}/-/${file}`, shasum: '0'.repeat(40) };
  return {
    _id: name,
    name,
    'dist-tags': { latest: version },
    versions: { [version]: { name, version, readme: 'x'.repeat(2000), dist } },
    _attachments: { [file]: { content_type: 'application/octet-stream', data, length: 20_000 } },
  };
}

async function request({ port, i }) {
  const url = `http://127.0.0.1:${port}`;
  const name = `pack-${(i * 7) % PACKAGES}`;
  if (i < PACKAGES || i % 25 === 0) {
    const at = i < PACKAGES ? i : (i * 7) % PACKAGES;
    await call(`${url}/pack-${at}`, { method: 'PUT', json: published(`pack-${at}`, '1.0.0') });
  } else if (i % 3 === 0) await call(`${url}/${name}/-/${name}-1.0.0.tgz`);
  else await call(`${url}/${name}`);
}

module.exports = { program, request, rate: 10, causes: ['map'] };
