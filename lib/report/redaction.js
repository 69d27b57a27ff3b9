'use strict';
// The one way by which names, scripts and lines get into what plimsoll shows: reports, profiles, metrics, log lines.
// With `redact` they obey the rules of redacted snapshots (src/snapshot/redaction), and have the same hashes.

const path = require('node:path');
const { requireNative } = require('../native.js');
const { mainScript } = require('../script.js');
const { isMapped } = require('../track/sites.js');
const { learnBuiltIns } = require('../snapshot/built-ins.js');

const OWN = path.join(__dirname, '../..') + path.sep;
/** Their names are of little use, and there are many. */
const DEPENDENCY = /[\\/]node_modules[\\/]/;

/** Steps of a tracker's path that may be data, by cause, and what each is; the others are plimsoll's own words. */
const STEPS = {
  listeners: ['source', 'name'],
  timers: [null, null, 'function'],
  promises: [null, 'function'],
  sockets: ['source', 'name'],
  streams: ['name'],
  map: [null, 'cache'],
};
/** What a suspect's name is. */
const NAMES = {
  listeners: 'name',
  timers: 'function',
  promises: 'function',
  sockets: 'name',
  streams: 'function',
  map: 'cache',
};
/** Events that are no names of the program's. */
const OURS = new Set(['(any event)', 'AbortSignal.any']);

/** Kinds of agents (lib/track/agents.js), which V8 need not have loaded a script for. */
const AGENTS = new Set(['http', 'https', 'undici']);

/** @typedef {import('./shown.js').Shown} Shown */

/** @implements {Shown} */
class Redaction {
  redacts = true;
  #native = requireNative();
  /** @type {Set<string>} */
  #learned = new Set();
  #learning;

  constructor() {
    this.#native.redactState();
    this.#learning = this.learn([mainScript(), ...Object.keys(require.cache)]);
  }

  name(name) {
    return name == null || OURS.has(name) ? name : this.#native.redactName(String(name));
  }

  label(label) {
    const [source, event] = split(label, ': ');
    return OURS.has(event) ? `${this.name(source)}: ${event}` : this.#native.redactLabel(label);
  }

  function(name) {
    return name == null ? name : this.#native.redactFunction(name);
  }

  script(script) {
    return script == null || isMapped(script) ? script : this.#native.redactScript(script);
  }

  frame(frame) {
    const shown = { ...frame, function: this.function(frame.function), file: this.script(frame.file) };
    if (frame.caller) shown.caller = this.frame(frame.caller);
    return shown;
  }

  suspect(suspect) {
    const { cause, name, path: steps, sites, advice } = suspect;
    const kinds = STEPS[cause] ?? steps.map(() => 'name');
    const shownName = this.#as(NAMES[cause] ?? 'name', name);
    return {
      ...suspect,
      name: shownName,
      file: this.script(suspect.file),
      path: steps.map((step, at) => (kinds[at] ? this.#as(kinds[at], step) : step)),
      sites: sites.map((site) => this.frame(site)),
      ...(suspect.adder && { adder: this.frame(suspect.adder) }),
      advice: advice.replaceAll(JSON.stringify(name), () => JSON.stringify(shownName)),
    };
  }

  #as(kind, text) {
    switch (kind) {
      case 'function':
        return this.function(text);
      case 'cache':
        // One without a name is called by the place where it is made.
        return this.#native.redactCache(text, !/:\d+:\d+$/.test(text));
      case 'source': {
        // `EventEmitter bus`, `17 of Socket`, `https agents (3)`
        const [, lead, first, rest] = /^(\d+ of )?(\S*)(.*)$/s.exec(text);
        const isAgents = /^ agents?( \(\d+\))?$/.test(rest);
        const tail = isAgents || rest === '' ? rest : ` ${this.name(rest.slice(1))}`;
        return `${lead ?? ''}${isAgents && AGENTS.has(first) ? first : this.name(first)}${tail}`;
      }
      default:
        return this.name(text);
    }
  }

  async learn(files) {
    const fresh = files.filter(
      (file) =>
        typeof file === 'string' && !this.#learned.has(file) && !DEPENDENCY.test(file) && !file.startsWith(OWN + 'lib'),
    );
    for (const file of fresh) this.#learned.add(file);
    await Promise.all([learnBuiltIns(), this.#learning]);
    if (fresh.length > 0) await this.#native.learnScripts(fresh);
  }
}

function split(text, by) {
  const at = text.indexOf(by);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + by.length)];
}

/** @type {Redaction | undefined} */
let only;

/** One for the process: it learns the program's names once. @returns {Shown} */
function redaction() {
  only ??= new Redaction();
  return only;
}

module.exports = { redaction };
