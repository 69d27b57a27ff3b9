'use strict';
// node scripts/platform-packages.js [FOLDER [BINARIES]]: completes the packages that `napi create-npm-dirs` made in FOLDER/npm
// (. unless given), from the folder BINARIES (artifacts unless given). The napi CLI knows one binary a package: the analyzer's is
// added to each. The scanner gets a package of its own for each platform, in FOLDER/npm-scan, and FOLDER/package.json depends on them.

const fs = require('node:fs');
const path = require('node:path');

const SCAN = 'plimsoll-scan';
const EXECUTABLE = 0o755;

const read = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
const write = (file, content) => fs.writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);

/** @returns {string[]} the platforms whose binary is there */
function addAnalyzer(folder, binaries) {
  const packages = path.join(folder, 'npm');
  return fs.readdirSync(packages).filter((platform) => {
    const manifest = path.join(packages, platform, 'package.json');
    const content = read(manifest);
    const binary = `plimsoll-analyzer.${platform}.node`;
    if (!content.files.includes(binary)) content.files.push(binary);
    write(manifest, content);
    const built = path.join(binaries, binary);
    if (!fs.existsSync(built)) return false;
    fs.copyFileSync(built, path.join(packages, platform, binary));
    return true;
  });
}

/** `plimsoll-scan.linux-x64-gnu`, as a runner uploads it. */
const scannerOf = (platform) => `${SCAN}.${platform}${platform.startsWith('win32') ? '.exe' : ''}`;

/**
 * Makes the scanner's packages and the optional dependencies on those whose binary is there.
 * @returns {string[]} their platforms
 */
function makeScanPackages(folder, binaries) {
  const packages = path.join(folder, 'npm');
  const root = path.join(folder, 'package.json');
  const made = fs.readdirSync(packages).filter((platform) => {
    const built = path.join(binaries, scannerOf(platform));
    if (!fs.existsSync(built)) return false;
    const { version, os, cpu, libc, license, repository, homepage, engines } = read(
      path.join(packages, platform, 'package.json'),
    );
    const target = path.join(folder, 'npm-scan', platform);
    fs.mkdirSync(target, { recursive: true });
    const file = platform.startsWith('win32') ? `${SCAN}.exe` : SCAN;
    const name = `${SCAN}-${platform}`;
    const description = `The binary of plimsoll scan for ${platform}`;
    const manifest = {
      name,
      version,
      description,
      os,
      cpu,
      libc,
      files: [file],
      license,
      repository,
      homepage,
      engines,
    };
    write(path.join(target, 'package.json'), manifest);
    fs.writeFileSync(
      path.join(target, 'README.md'),
      `# ${name}\n\n${description}. Install [plimsoll](https://www.npmjs.com/package/plimsoll); npm chooses this package by the platform.\n`,
    );
    fs.copyFileSync(built, path.join(target, file));
    fs.chmodSync(path.join(target, file), EXECUTABLE);
    return true;
  });
  const content = read(root);
  const dependencies = Object.fromEntries(made.map((platform) => [`${SCAN}-${platform}`, content.version]));
  write(root, { ...content, optionalDependencies: { ...content.optionalDependencies, ...dependencies } });
  return made;
}

if (require.main === module) {
  const [folder = '.', binaries = path.join(folder, 'artifacts')] = process.argv.slice(2);
  process.stdout.write(`the analyzer is in: ${addAnalyzer(folder, binaries).join(', ') || 'no package'}\n`);
  process.stdout.write(
    `the scanner has packages for: ${makeScanPackages(folder, binaries).join(', ') || 'no platform'}\n`,
  );
}

module.exports = { addAnalyzer, makeScanPackages, scannerOf };
