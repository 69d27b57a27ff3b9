'use strict';
// Compiles TypeScript, so that lines in the messages need the maps.
module.exports = {
  rootDir: __dirname,
  testMatch: ['**/lines.ts-jest.ts'],
  transform: { '\\.ts$': ['ts-jest', { diagnostics: false, tsconfig: { module: 'commonjs', target: 'es2022', isolatedModules: true } }] },
};
