'use strict';
// The README and the pages of docs/, cut into their blocks: ``` with a language, and indented by four spaces, which are
// commands of a shell.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = path.join(__dirname, '../..');
const PAGES = [
  'README.md',
  ...fs
    .readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** What is in double quotes is part of one word. */
const WORD = /(?:[^\s"]|"[^"]*")+/g;
const BLOCK = /^```(\w*)\n([^]*?)^```$|(?<=\n\n)((?: {4}\S.*\n)+)/gm;

const read = (page) => fs.readFileSync(path.join(ROOT, page), 'utf8');

/** @returns {Array<{page: string, line: number, language: string, text: string}>} */
function blocks(page) {
  const source = read(page);
  return [...source.matchAll(BLOCK)].map(({ index, 1: language, 2: fenced, 3: indented }) => ({
    page,
    line: source.slice(0, index).split('\n').length,
    language: indented === undefined ? language : 'sh',
    text: fenced ?? indented.replaceAll(/^ {4}/gm, ''),
  }));
}

/** Commands of a shell block: [variables, words] of each, comments and joins taken away. */
function commands(text) {
  const lines = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*/, ''));
  return lines
    .flatMap((line) => line.split(/&&|\|\||[|;&]/))
    .flatMap((command) => {
      const words = (command.match(WORD) ?? []).map((word) => word.replaceAll('"', ''));
      const at = words.findIndex((word) => !/^[A-Za-z_]+=/.test(word));
      return at < 0 ? [] : [{ variables: words.slice(0, at), words: words.slice(at) }];
    });
}

module.exports = { ROOT, PAGES, read, blocks, commands };
