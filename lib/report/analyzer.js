'use strict';
// The process that analyze() starts: {paths, options} as its argument, the native side's answer or an
// error as JSON on its standard output. It yields to everything else, and ends when its parent does.

const fs = require('node:fs');
const os = require('node:os');

try {
  os.setPriority(os.constants.priority.PRIORITY_LOW);
  // Where memory gives out, it is this process that goes.
  fs.writeFileSync('/proc/self/oom_score_adj', '1000');
} catch {
  // Not Linux, or not allowed: it works all the same.
}
process.stdin.on('close', () => process.exit(1)).resume();

const { requireAnalyzer } = require('../analyzer-binding.js');

async function main() {
  const { paths, options } = JSON.parse(process.argv[2]);
  return requireAnalyzer().analyzeSnapshots(paths, JSON.stringify(options));
}

main()
  .catch((error) => JSON.stringify({ error: { code: error.code ?? 'ERR_PLIMSOLL_ANALYSIS', message: error.message } }))
  .then((answer) => process.stdout.write(answer, () => process.exit()));
