'use strict';
// node bench/scan.js [PACKAGE@VERSION ...]: what the scanner says of the sources of packages, as npm installs them. Containers of one
// name in a package are one: builds hold copies of what they are made from. bench/results/scan.md judges the findings.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { findScanner } = require('../lib/cli/scan.js');

const PACKAGES = `
agenda@6.2.6 ajv@8.20.0 async@3.2.6 axios@1.21.1 body-parser@2.4.0 bull@4.16.5 bullmq@6.7.0 cheerio@1.2.0 chokidar@5.0.0
commander@14.0.3 dayjs@1.11.23 debug@4.4.3 ejs@7.0.2 eslint@10.15.0 express@5.3.0 fastify@5.12.8 find-my-way@9.10.1 got@14.6.6
graphql@16.15.0 handlebars@4.7.10 iconv-lite@0.7.3 ioredis@6.0.0 js-yaml@5.5.0 jsdom@29.1.1 jsonwebtoken@9.0.3 knex@3.3.0
koa@3.3.0 light-my-request@6.8.1 lodash@4.18.1 mongoose@9.12.1 multer@2.5.0 mustache@4.2.0 mysql2@3.24.6 node-cron@4.6.0
node-fetch@3.3.2 nodemailer@10.6.0 passport@0.7.0 pg@8.23.1 pino@10.4.0 pm2@7.0.4 postcss@8.5.33 pug@3.0.4 qs@6.17.1 redis@6.3.1
rollup@4.68.7 sass@1.108.2 semver@7.8.6 send@1.2.1 sequelize@6.37.8 sharp@0.35.5 socket.io@4.8.4 source-map@0.8.0 terser@5.51.2
typescript@7.0.2 undici@7.30.2 vite@8.3.8 winston@3.19.0 ws@8.23.0
`
  .trim()
  .split(/\s+/);

const nameOf = (specifier) => specifier.slice(0, specifier.lastIndexOf('@'));

const keyOf = ({ file, finding: { cause, name, line } }) =>
  cause === 'timers' ? `${file}:${line}` : `${cause} ${name}`;

function findingsOf(scanner, folder) {
  const lines = execFileSync(scanner, [folder], { encoding: 'utf8', maxBuffer: 2 ** 28 })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const { read, unread } = lines.pop();
  const distinct = new Map(lines.map((line) => [keyOf(line), line]).toReversed());
  return { read, unread, findings: [...distinct.values()].toReversed() };
}

function main(given) {
  const scanner = findScanner(process.env);
  if (scanner === undefined) throw new Error('cargo build --release --manifest-path scan/Cargo.toml first');
  const packages = given.length > 0 ? given : PACKAGES;
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-scan-'));
  try {
    fs.writeFileSync(path.join(work, 'package.json'), '{"private": true}');
    execFileSync(
      'npm',
      ['install', '--ignore-scripts', '--legacy-peer-deps', '--no-audit', '--no-fund', '--silent', ...packages],
      { cwd: work, stdio: 'inherit' },
    );
    let [files, places] = [0, 0];
    for (const specifier of packages) {
      const { read, findings } = findingsOf(scanner, path.join(work, 'node_modules', nameOf(specifier)));
      files += read;
      places += findings.length;
      for (const { file, finding } of findings)
        process.stdout.write(
          `${specifier}  ${path.relative(path.join(work, 'node_modules'), file)}:${finding.line}  ${finding.cause} ${finding.name}: ${finding.why}\n`,
        );
    }
    process.stdout.write(`${packages.length} packages, ${files} files, ${places} places\n`);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

main(process.argv.slice(2));
