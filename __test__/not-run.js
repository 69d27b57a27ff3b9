'use strict';
// What npm test leaves out: it takes long, or installs what the package does not need.

const { scripts } = require('../package.json');

const RUN = new Set(['test', 'test:types', 'test:rust', 'test:js', 'test:quick']);
const left = Object.keys(scripts).filter((name) => name.startsWith('test') && !RUN.has(name));
process.stdout.write(`\nNot run by npm test: ${left.join(', ')} (npm run NAME).\n`);
