'use strict';
// The process that analyze() starts: {paths, options} as the first line of its standard input, the native side's answer
// or an error as JSON on its standard output. It ends when its parent does. An argument would be bounded to 128 KB by
// the kernel.

/** The first line of standard input, which stays open for as long as the parent lives. @returns {Promise<string>} */
function request() {
  return new Promise((resolve) => {
    let text = '';
    process.stdin.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      // JSON has no line end of its own: its strings escape them.
      if (chunk.endsWith('\n')) resolve(text);
    });
    process.stdin.on('close', () => process.exit(1));
  });
}

const { requireAnalyzer } = require('../analyzer-binding.js');

async function main() {
  const { paths, options } = JSON.parse(await request());
  return requireAnalyzer().analyzeSnapshots(paths, JSON.stringify(options));
}

main()
  .catch((error) => JSON.stringify({ error: { code: error.code ?? 'ERR_PLIMSOLL_ANALYSIS', message: error.message } }))
  .then((answer) => process.stdout.write(answer, () => process.exit()));
