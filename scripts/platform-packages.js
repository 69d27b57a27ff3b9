'use strict';
// node scripts/platform-packages.js [FOLDER [BINARIES]]: adds the analyzer's binary to each package that `napi create-npm-dirs`
// made in FOLDER/npm (. unless given), from the folder BINARIES (artifacts unless given). The napi CLI knows one binary a package.

const fs = require('node:fs');
const path = require('node:path');

function addAnalyzer(folder, binaries) {
  const packages = path.join(folder, 'npm');
  return fs.readdirSync(packages).filter((platform) => {
    const manifest = path.join(packages, platform, 'package.json');
    const content = JSON.parse(fs.readFileSync(manifest, 'utf8'));
    const binary = `plimsoll-analyzer.${platform}.node`;
    if (!content.files.includes(binary)) content.files.push(binary);
    fs.writeFileSync(manifest, `${JSON.stringify(content, null, 2)}\n`);
    const built = path.join(binaries, binary);
    if (!fs.existsSync(built)) return false;
    fs.copyFileSync(built, path.join(packages, platform, binary));
    return true;
  });
}

if (require.main === module) {
  const [folder = '.', binaries = path.join(folder, 'artifacts')] = process.argv.slice(2);
  process.stdout.write(`the analyzer is in: ${addAnalyzer(folder, binaries).join(', ') || 'no package'}\n`);
}

module.exports = { addAnalyzer };
