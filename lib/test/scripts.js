'use strict';
// Places in the sources that people wrote. Jest, Vitest and ts-jest run transpiled code, whose lines are others: the
// maps are in the scripts themselves or in files beside them.

const fs = require('node:fs');
const path = require('node:path');
const { SourceMap } = require('node:module');
const { fileURLToPath, pathToFileURL } = require('node:url');

/** Larger maps and sources are left alone. */
const MOST_BYTES = 16 << 20;

/** @typedef {{ file: string, line: number, column: number | null }} Place  line and column are 1-based */
/** @typedef {{ id: string, url: string, mapUrl: string, source?: string | null, map?: SourceMap | null }} Script */

class Scripts {
  /** @type {import('node:inspector').Session} */
  #session;
  /** @type {Map<string, Script>} */
  #byId = new Map();
  /** The last one of each file: a runner evaluates a file again for each test file. @type {Map<string, Script>} */
  #byFile = new Map();

  /** All scripts of this thread. @returns {Scripts | null} null where Node has no inspector, or a permission forbids it */
  static open() {
    try {
      const { Session } = require('node:inspector');
      return new Scripts(new Session());
    } catch {
      return null;
    }
  }

  /** @param {import('node:inspector').Session} session */
  constructor(session) {
    this.#session = session;
    session.connect();
    session.on('Debugger.scriptParsed', ({ params: { scriptId: id, url, sourceMapURL: mapUrl } }) => {
      const script = { id, url, mapUrl };
      this.#byId.set(id, script);
      this.#byFile.set(fileOf(url), script);
    });
    session.post('Debugger.enable');
  }

  close() {
    this.#session.disconnect();
  }

  /** What was written at this place of a file that ran. @param {Place} place @returns {Place} */
  original(place) {
    const script = this.#byFile.get(fileOf(place.file));
    return script === undefined ? place : this.#mapped(script, place);
  }

  /**
   * Where a variable is declared that a function sees.
   *
   * @param {{ scriptId: string, line: number }} seenAt  where the function begins, 0-based
   * @param {string} variable
   * @returns {Place | null}
   */
  declaration({ scriptId, line }, variable) {
    const script = this.#byId.get(scriptId);
    const source = script === undefined ? null : this.#sourceOf(script);
    if (source === null) return null;
    const at = declarationIn(source, variable, line);
    return at === null ? null : this.#mapped(script, { file: fileOf(script.url), ...at });
  }

  #mapped(script, { file, line, column }) {
    const entry = this.#mapOf(script)?.findEntry(line - 1, (column ?? 1) - 1);
    if (entry?.originalSource === undefined) return { file: fileOf(file), line, column };
    return {
      file: sourceFile(entry.originalSource, script.url),
      line: entry.originalLine + 1,
      column: entry.originalColumn + 1,
    };
  }

  #sourceOf(script) {
    if (script.source === undefined) {
      script.source = null;
      this.#session.post('Debugger.getScriptSource', { scriptId: script.id }, (error, answer) => {
        if (error === null && answer.scriptSource.length < MOST_BYTES) script.source = answer.scriptSource;
      });
    }
    return script.source;
  }

  #mapOf(script) {
    if (script.map === undefined) {
      try {
        const payload = payloadOf(script);
        script.map = payload === null ? null : new SourceMap(payload);
      } catch {
        // A map that is none, or a file that is gone.
        script.map = null;
      }
    }
    return script.map;
  }
}

/** @param {Script} script */
function payloadOf({ url, mapUrl }) {
  if (!mapUrl) return null;
  const inline = /^data:application\/json[^,]*?(;base64)?,/.exec(mapUrl);
  if (inline !== null) {
    const data = mapUrl.slice(inline[0].length);
    return JSON.parse(inline[1] === undefined ? decodeURIComponent(data) : Buffer.from(data, 'base64').toString());
  }
  const file = sourceFile(mapUrl, url);
  return fs.statSync(file).size > MOST_BYTES ? null : JSON.parse(fs.readFileSync(file, 'utf8'));
}

/** The path of a source or map that a script names. */
function sourceFile(name, scriptUrl) {
  if (name.startsWith('file:')) return fileURLToPath(name);
  if (path.isAbsolute(name)) return name;
  return path.resolve(path.dirname(fileOf(scriptUrl)), name);
}

/** @param {string} url  a path, or a `file:` URL, with or without a query */
function fileOf(url) {
  const plain = url.replace(/\?.*$/, '');
  return plain.startsWith('file:') ? fileURLToPath(pathToFileURL(fileURLToPath(plain))) : plain;
}

/**
 * The declaration nearest before a line, or else the first one after it: a function sees what is declared around it.
 *
 * @param {string} source @param {string} variable @param {number} line  0-based
 * @returns {{ line: number, column: number } | null} 1-based
 */
function declarationIn(source, variable, line) {
  const name = variable.replaceAll('$', '\\$');
  // Alone or in a list; in a pattern a name before a colon is a property.
  const declared = new RegExp(
    `\\b(?:const|let|var|class|function\\*?|import)\\b(?:\\s+${name}(?![\\w$])|[^=;()]*?[\\s,{*]${name}(?![\\w$]|\\s*:))`,
    'u',
  );
  const lines = source.split('\n');
  const find = (from, step) => {
    for (let at = from; at >= 0 && at < lines.length; at += step) {
      const found = declared.exec(lines[at]);
      if (found !== null) return { line: at + 1, column: found.index + found[0].length - variable.length + 1 };
    }
    return null;
  };
  return find(Math.min(line, lines.length - 1), -1) ?? find(line + 1, 1);
}

module.exports = { Scripts, declarationIn };
