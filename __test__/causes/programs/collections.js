'use strict';
// Maps, Sets, objects and arrays: in instances, classes, globals, modules and packages.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

// ------------------------------------------------------------------------------------------- map
add('map: class field', {
  '$store.js': `
    class $Store {
      constructor() {
        this.$items = new Map(); //@
      }
      add(key, value) { this.$items.set(key, value); }
    }
    module.exports = new $Store();`,
  'main.js': `
    const $store = require('./$store.js');
    drive((i) => { $store.add('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$items'], file: '$store.js', line: true, count: 300 });
add('map: private field', `
    class $Store {
      #$items = new Map(); //@
      add(key, value) { this.#$items.set(key, value); }
    }
    const $store = new $Store();
    drive((i) => { $store.add('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$items'], line: true });
add('map: closure', `
    function $make() {
      const $cache = new Map(); //@
      return function $lookup(key, value) { $cache.set(key, value); return $cache.size; };
    }
    const $lookup = $make();
    drive((i) => { $lookup('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$cache'], line: true });
add('map: block', `
    if (process.pid > 0) {
      let $next = 0;
      const $cache = new Map(); //@
      drive((i) => { $cache.set($next++, ${record}); });
    }`,
{ cause: ['map'], name: ['$cache'], line: true });
// Each entry refers to the scope that holds them all, before anything that leads to it does.
add('array: in a function that runs the program, entries refer to its scope', `
    async function $run() {
      const $clients = []; //@
      function $connect(i) {
        const client = { id: i, tags: ['a', String(i)] };
        $clients.push(() => client);
      }
      await drive(async (i) => { $connect(i); if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1)); }, { scale: 20, warm: 3000 });
    }
    $run();`,
{ cause: ['array', 'closure'], name: ['$clients'], line: true });
add('set: as an observable has it, behind all that observe it', `
    class $Value {
      constructor() {
        this.$observers = new Set(); //@
      }
    }
    class $Reaction {
      constructor(value, run) { this.$observing = [value]; this.$staleness = { state: 1 }; this.$name = 'Reaction@' + run.length; this.$run = run; value.$observers.add(this); }
    }
    async function $run() {
      const $theme = new $Value();
      function $open(i) {
        const view = { id: i, rows: [i] };
        new $Reaction($theme, () => view);
      }
      await drive(async (i) => { $open(i); if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 1)); }, { scale: 60, warm: 3000 });
    }
    $run();`,
{ cause: ['set', 'closure'], name: ['$observers'], line: true });
add('map: ES export', {
  '$registry.mjs': `
    export const $registry = new Map(); //@
    export function $put(key, value) { $registry.set(key, value); }`,
  'main.mjs': `
    import { $put } from './$registry.mjs';
    drive((i) => { $put('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$registry'], file: '$registry.mjs', line: true }, 'esm');
add('map: TypeScript', `
    type $Row = { id: number };
    interface $Shape { a: number; b: string }

    class $Repo {
      private readonly $rows: Map<string, $Row> = new Map(); //@
      public keep(key: string, row: $Row): void { this.$rows.set(key, row); }
    }
    const $repo: $Repo = new $Repo();
    declare function drive(step: (i: number) => void): void;
    drive((i: number): void => { $repo.keep('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$rows'], file: 'main.ts', line: true }, 'typescript');
add('map: bundle', {
  '$lib.js': `
    const $sessions = new Map(); //@
    export function $login(key, value) { $sessions.set(key, value); return $sessions.size; }`,
  'main.js': `
    import { $login } from './$lib.js';
    drive((i) => { $login('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$sessions'], file: '$lib.js', line: true }, 'bundle');

// ------------------------------------------------------------------------------------------- set
add('set: class static', `
    class $Tracker {
      static $seen = new Set(); //@
      static mark(value) { $Tracker.$seen.add(value); }
    }
    drive((i) => { $Tracker.mark(${record}); });`,
{ cause: ['set'], name: ['$seen'], line: true, count: 300 });
add('set: closure', `
    const $guard = (() => {
      const $visited = new Set(); //@
      return (value) => $visited.add(value);
    })();
    drive((i) => { $guard('key-' + ${blob}); });`,
{ cause: ['set'], name: ['$visited'], line: true });
add('set: ES module', `
    const $pending = new Set(); //@
    export const $track = (value) => { $pending.add(value); };
    drive((i) => { $track(${record}); });`,
{ cause: ['set'], name: ['$pending'], line: true }, 'esm');
add('set: bundle', {
  '$lib.js': `
    class $Seen {
      $ids = new Set(); //@
      note(id) { this.$ids.add(id); }
    }
    export const $seen = new $Seen();`,
  'main.js': `
    import { $seen } from './$lib.js';
    drive((i) => { $seen.note(${record}); });`,
}, { cause: ['set'], name: ['$ids'], file: '$lib.js', line: true }, 'bundle');

// ---------------------------------------------------------------------------------------- object
add('object: module level', {
  '$state.js': `
    const $table = {}; //@
    exports.save = (key, value) => { $table[key] = value; };`,
  'main.js': `
    const { save } = require('./$state.js');
    drive((i) => { save('k' + i, ${record}); });`,
}, { cause: ['object'], name: ['$table'], file: '$state.js', line: true, count: 300 });
add('object: instance, null prototype, strings', `
    class $Memory {
      constructor() { this.$entries = Object.create(null); } //@
      set(key, value) { this.$entries[key] = JSON.stringify(value); }
    }
    const $app = { $memory: new $Memory() };
    drive((i) => { $app.$memory.set('s' + i, ${record}); });`,
{ cause: ['object'], name: ['$entries'], line: true });
add('object: global', `
    globalThis.$index = {}; //@
    drive((i) => { globalThis.$index['k' + i] = ${record}; });`,
{ cause: ['object'], name: ['$index'], line: true });
add('object: ES export', {
  '$cache.mjs': `
    export const $cache = {}; //@`,
  'main.mjs': `
    import { $cache } from './$cache.mjs';
    drive((i) => { $cache['k' + i] = ${record}; });`,
}, { cause: ['object'], name: ['$cache'], file: '$cache.mjs', line: true }, 'esm');
add('object: integer keys', `
    const $byId = {}; //@
    function $remember(i) { $byId[i * 7] = ${record}; }
    drive((i) => { $remember(i); });`,
{ cause: ['object'], name: ['$byId'], line: true });
add('object: a search tree', `
    class $Branch { constructor(key, value) { this.key = key; this.value = value; this.left = null; this.right = null; } }
    class $Index {
      constructor() { this.$top = null; } //@
      put(key, value) {
        const made = new $Branch(key, value);
        if (this.$top === null) { this.$top = made; return; }
        for (let at = this.$top; ;) {
          const side = key < at.key ? 'left' : 'right';
          if (at[side] === null) { at[side] = made; return; }
          at = at[side];
        }
      }
    }
    const $index = new $Index();
    drive((i) => { $index.put((i * 7919) % 65537, ${record}); });`,
{ cause: ['object'], name: ['$top'], line: true, count: 300, unit: 'objects' });
add('object: the lists of many', `
    class $User { constructor() { this.$events = []; this.seen = 0; } } //@
    const $users = {}; //@
    for (let i = 0; i < 400; i++) $users['user' + i] = new $User();
    drive((i) => { $users['user' + (i * 7) % 400].$events.push(${record}); });`,
{ cause: ['object', 'array'], name: ['$users', '$events'], line: true });
add('object: tables in tables', `
    const $byDay = {}; //@
    function $count(i) { (($byDay['day ' + i % 3] ??= {})['hour ' + i % 24] ??= {})['id ' + i] = ${record}; }
    drive((i) => { $count(i); }, { scale: 6 });`,
{ cause: ['object'], name: ['$byDay'], line: true, count: 1800, unit: 'objects' });
add('object: functions that a package is given by name', {
  'node_modules/$views/package.json': `{ "name": "$views", "version": "4.7.8", "main": "index.js" }`,
  'node_modules/$views/index.js': `
    class $Views {
      constructor() {
        this.$partials = {}; //@
      }
      compile(text) {
        const $parts = text.split('').map((part, at) => ({ part, at }));
        return (context) => $parts.map(({ part }) => part + context).join('');
      }
      register(name, view) { this.$partials[name] = view; }
      render(name, context) { return this.$partials[name](context); }
    }
    module.exports = new $Views();`,
  'main.js': `
    const $views = require('$views');
    drive((i) => { $views.register('view ' + i, $views.compile('hello ' + i)); $views.render('view ' + i, i); });`,
}, { cause: ['object'], name: ['$partials'], file: '$views/index.js', line: true, package: '$views@4.7.8', count: 300, advice: /BoundedMap|delete/ });

// ----------------------------------------------------------------------------------------- array
add('array: function property', {
  '$common.js': `
    module.exports = function setup() {
      $create.$instances = []; //@
      function $create(name) {
        function $item() { return name; }
        $item.opts = { name, at: ${blob.replace(' + i', '')} };
        $create.$instances.push($item);
        return $item;
      }
      return $create;
    };`,
  'main.js': `
    const $create = require('./$common.js')();
    drive((i) => { $create('n' + i); });`,
}, { cause: ['array'], name: ['$instances'], file: '$common.js', line: true });
add('array: closure', `
    function $logger() {
      const $lines = []; //@
      return { write(line) { $lines.push(line); }, count() { return $lines.length; } };
    }
    const $log = $logger();
    drive((i) => { $log.write(${record}); });`,
{ cause: ['array'], name: ['$lines'], line: true, count: 300 });
add('array: functions that keep little', `
    class $Shutdown {
      $steps = []; //@
      add(step) { this.$steps.push(step); }
    }
    const $shutdown = new $Shutdown();
    function $open(i) {
      const $file = '/tmp/' + i;
      $shutdown.add(() => $file.length); //@
    }
    drive((i) => { $open(i); }, { scale: 3 });`,
{ cause: ['array'], name: ['$steps'], line: true, count: 900 });
add('array: class static', `
    class $Pool {
      static $all = []; //@
      constructor(i) { this.payload = ${blob}; $Pool.$all.push(this); }
    }
    drive((i) => { new $Pool(i); });`,
{ cause: ['array'], name: ['$all'], line: true });
add('array: nested under app', `
    class $Repo { constructor() { this.$rows = []; } } //@
    function $build() { const $app = { $repo: new $Repo(), handle(i) { this.$repo.$rows.push(${record}); } }; return $app; }
    const $app = $build();
    drive((i) => { $app.handle(i); });`,
{ cause: ['array'], name: ['$rows'], line: true });
add('array: ES module', `
    const $audit = []; //@
    export function $note(entry) { $audit.push(entry); }
    drive((i) => { $note(${record}); });`,
{ cause: ['array'], name: ['$audit'], line: true }, 'esm');
add('array: bundle', {
  '$lib.js': `
    export function $recorder() {
      const $events = []; //@
      return (event) => { $events.push(event); };
    }`,
  'main.js': `
    import { $recorder } from './$lib.js';
    const $record = $recorder();
    drive((i) => { $record(${record}); });`,
}, { cause: ['array'], name: ['$events'], file: '$lib.js', line: true }, 'bundle');
add('array: linked list', `
    let $head = null; //@
    function $push(value) { $head = { value, next: $head }; }
    drive((i) => { $push(${record}); });`,
{ cause: ['array', 'object', 'other'], name: ['$head'], line: true, count: 300, unit: 'links', advice: /cut the chain/ });
add('array: linked list, appended', `
    class $Node { constructor(value) { this.value = value; this.next = null; } }
    class $Queue {
      constructor() { this.$first = this.$last = new $Node(null); } //@
      push(value) { this.$last = this.$last.next = new $Node(value); }
    }
    const $queue = new $Queue();
    drive((i) => { $queue.push(${record}); });`,
{ cause: ['array', 'object', 'other'], name: ['$first', '$last', '$queue'], line: true, count: 300, unit: 'links', advice: /cut the chain/ });
add('object: a list of links that know both neighbours', `
    class $Entry { constructor(value) { this.value = value; this.older = this.newer = null; } }
    class $List {
      $head = null;
      $tail = null;
      push(value) {
        const entry = new $Entry(value);
        if (this.$tail) { this.$tail.newer = entry; entry.older = this.$tail; } else this.$head = entry;
        this.$tail = entry;
      }
    }
    const $recent = new $List(); //@
    drive((i) => { $recent.push(${record}); });`,
{ cause: ['object'], name: ['$recent'], line: true, count: 300, unit: 'links', advice: /cut the chain/ });
add('object: a queue with two ends in a closure, unshifted', `
    function $make() {
      const $queue = { first: null, last: null }; //@
      return (value) => {
        const entry = { value, next: $queue.first, previous: null };
        if ($queue.first) $queue.first.previous = entry; else $queue.last = entry;
        $queue.first = entry;
      };
    }
    const $add = $make();
    drive((i) => { $add(${record}); });`,
{ cause: ['object'], name: ['$queue'], line: true, countById: 300, unit: 'links', advice: /cut the chain/ });
add('object: a list with two ends in variables, ES module', `
    let $oldest = null; //@
    let $newest = null; //@
    export function $push(value) {
      const entry = { value, older: $newest, newer: null };
      if ($newest) $newest.newer = entry; else $oldest = entry;
      $newest = entry;
    }
    drive((i) => { $push(${record}); });
    globalThis.$peek = () => [$oldest, $newest];`,
{ cause: ['object'], name: ['$oldest', '$newest'], line: true, count: 300, unit: 'links', advice: /cut the chain/ }, 'esm');
add('array: request state at module level', {
  '$trace.js': `
    const $recent = []; //@
    module.exports = (req, res, next) => { $recent.push({ req, res, at: Date.now() }); next(); };`,
  'main.js': `
    const http = require('node:http');
    const $trace = require('./$trace.js');
    const server = http.createServer((req, res) => $trace(req, res, () => res.end('ok')));
    server.keepAliveTimeout = 0;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    server.listen(0, '127.0.0.1', () => {
      const get = () => new Promise((resolve, reject) => {
        http.get({ port: server.address().port, host: '127.0.0.1', agent }, (res) => { res.resume(); res.on('end', resolve); }).on('error', reject);
      });
      drive(get, { scale: 0.5 });
    });`,
}, { cause: ['array'], name: ['$recent'], file: '$trace.js', line: true });
add('object: circular under a global', `
    global.$graph = { $nodes: [] }; //@
    drive((i) => {
      const parent = { kind: 'p', data: ${blob}, children: [] };
      for (let k = 0; k < 3; k++) parent.children.push({ kind: 'c', parent });
      parent.root = global.$graph;
      global.$graph.$nodes.push(parent); //@
    });`,
{ cause: ['array', 'object'], name: ['$graph', '$nodes'], line: true });

// --------------------------------------------------------------------------------------- packages
add('a package in node_modules', {
  'node_modules/$pkg/package.json': `{ "name": "$pkg", "version": "3.1.4", "main": "lib/index.js" }`,
  'node_modules/$pkg/lib/index.js': `
    var $memo = {}; //@
    module.exports = function $parse(text) { return $memo[text] || ($memo[text] = { text: text, parts: text.split('') }); };`,
  'main.js': `
    const $parse = require('$pkg');
    drive((i) => { $parse('route/' + i + '/with/some/segments'); });`,
}, { cause: ['object'], name: ['$memo'], file: 'lib/index.js', line: true, package: '$pkg@3.1.4', count: 300, advice: /: look for a newer version or an issue; use a BoundedMap/ });
add('map: a cache of a package, which the application fills', {
  'node_modules/$store/package.json': `{ "name": "$store", "version": "5.1.2", "main": "index.js" }`,
  'node_modules/$store/index.js': `
    module.exports = class $Store {
      constructor({ ttl = 0 } = {}) {
        this.ttl = ttl;
        this.$rows = new Map(); //@
      }
      set(key, value) { this.$rows.set(key, { value, until: this.ttl && Date.now() + this.ttl }); }
    };`,
  'main.js': `
    const $Store = require('$store');
    const $cache = new $Store();
    drive((i) => { $cache.set('k' + i, ${record}); });`,
}, { cause: ['map'], name: ['$rows'], file: '$store/index.js', line: true, package: '$store@5.1.2', count: 300, advice: /retained by `\w+` \(main\.js:2\) of the application: check first .*, then look for a newer version or an issue; delete entries/ });

add('map: a cache of a package, in a variable of a function', {
  'node_modules/$store/package.json': `{ "name": "$store", "version": "5.1.2", "main": "index.js" }`,
  'node_modules/$store/index.js': `
    module.exports = class $Store {
      constructor() {
        this.$rows = new Map(); //@
      }
      set(key, value) { this.$rows.set(key, { value }); }
    };`,
  'main.js': `
    const $Store = require('$store');
    function $start() {
      const $cache = new $Store();
      return (i) => { $cache.set('k' + i, ${record}); };
    }
    drive($start());`,
}, { cause: ['map'], name: ['$rows'], file: '$store/index.js', line: true, package: '$store@5.1.2', count: 300, advice: /retained by `\w+` \(main\.js:3\) of the application: check first .*, then look for a newer version or an issue; delete entries/ });

add('object: of a package, on the way through what requires it', {
  'node_modules/$views/package.json': `{ "name": "$views", "version": "4.0.1", "main": "lib/views.js" }`,
  'node_modules/$views/lib/utils.js': `
    exports.cache = {
      $compiled: {}, //@
      keep(key, value) { this.$compiled[key] = value; },
    };`,
  'node_modules/$views/lib/views.js': `
    const utils = require('./utils.js');
    exports.cache = utils.cache;
    exports.render = (path, record) => { exports.cache.keep(path, { path, record }); };`,
  'main.js': `
    const $views = require('$views');
    drive((i) => { $views.render('/users/' + i, ${record}); });`,
}, { cause: ['object'], name: ['$compiled'], file: 'lib/utils.js', line: true, package: '$views@4.0.1', count: 300 });
add('map: what a module exports', {
  '$sessions.js': `
    module.exports = new Map(); //@`,
  'main.js': `
    const $open = require('./$sessions.js');
    drive((i) => { $open.set(i, ${record}); });`,
}, { cause: ['map'], name: ['$open'], file: '$sessions.js', line: true, count: 300, data: true });
add('map: what a module exports, without a variable', {
  '$sessions.js': `
    module.exports = new Map(); //@`,
  'main.js': `
    drive((i) => { require('./$sessions.js').set(i, ${record}); });`,
}, { cause: ['map'], name: ['$sessions.js'], file: '$sessions.js', line: true, count: 300, data: true });
add('object: what a package exports, a function without a name', {
  'node_modules/$format/package.json': `{ "name": "$format", "version": "2.1.0", "main": "index.js" }`,
  'node_modules/$format/index.js': `
    module.exports = (text, row) => { module.exports[text] ??= row; return text; }; //@`,
  'main.js': `
    drive((i) => { require('$format')('text ' + i, ${record}); });`,
}, { cause: ['object'], name: ['$format/index.js'], file: '$format/index.js', line: true, package: '$format@2.1.0', count: 300 });
add('set: what a package keeps for an event, which the application emits too', {
  'node_modules/$locale/package.json': `{ "name": "$locale", "version": "26.7.2", "main": "index.js" }`,
  'node_modules/$locale/index.js': `
    class $Locale {
      constructor() {
        this.$observers = {}; //@
      }
      when(event, listener) { (this.$observers[event] ??= new Set()).add(listener); }
      emit(event, value) { for (const listener of this.$observers[event] ?? []) listener(value); }
      change(language) { this.emit('$changed', language); }
    }
    exports.$locale = new $Locale();`,
  'main.js': `
    const { $locale } = require('$locale');
    const $follow = (event, i) => {
      const $view = ${record};
      $locale.when(event, (language) => { $view.language = language; });
    };
    const $event = '$changed';
    drive((i) => { $follow($event, i); if (i % 100 === 0) $locale.change('en'); });`,
}, { cause: ['set', 'closure'], name: ['$changed'], file: '$locale/index.js', line: true, package: '$locale@26.7.2', count: 300, data: true, advice: /what stays is of main\.js:4: check first/ });
add('array: functions that a package calls at the end', {
  'node_modules/$leave/package.json': `{ "name": "$leave", "version": "4.1.0", "main": "index.js" }`,
  'node_modules/$leave/index.js': `
    class $Leave {
      constructor() {
        this.$callbacks = { exit: [], afterExit: [] }; //@
      }
      on(event, callback) { this.$callbacks[event].push(callback); }
    }
    const $leave = new $Leave();
    exports.onExit = (callback) => { $leave.on('exit', callback); };`,
  'main.js': `
    const { onExit } = require('$leave');
    function $work(i) {
      const $state = ${record};
      onExit((code) => { $state.code = code; });
    }
    drive((i) => { $work(i); });`,
}, { cause: ['array'], name: ['exit'], file: '$leave/index.js', line: true, package: '$leave@4.1.0', count: 300, captured: '$state', advice: /what stays is of main\.js:4.*remove what is no longer needed/ });
add('object: a persistent tree of a package', {
  'node_modules/$tries/package.json': `{ "name": "$tries", "version": "5.1.3", "main": "index.js" }`,
  'node_modules/$tries/index.js': `
    class $Level { constructor($nodes) { this.$nodes = $nodes; } }
    class $Leaf { constructor(key, value) { this.key = key; this.value = value; } }
    const put = (level, shift, leaf) => {
      const at = (leaf.key >>> shift) & 15;
      const $nodes = level.$nodes.slice();
      const there = $nodes[at];
      if (there instanceof $Level) $nodes[at] = put(there, shift + 4, leaf);
      else $nodes[at] = there === undefined || there.key === leaf.key ? leaf : put(put(new $Level(new Array(16)), shift + 4, there), shift + 4, leaf);
      return new $Level($nodes);
    };
    class $Trie {
      constructor($root = new $Level(new Array(16))) { this.$root = $root; }
      set(key, value) { return new $Trie(put(this.$root, 0, new $Leaf(key, value))); }
    }
    exports.$Trie = $Trie;`,
  'main.js': `
    const { $Trie } = require('$tries');
    let $users = new $Trie(); //@
    drive((i) => { $users = $users.set(Math.imul(i, 0x9e3779b1) >>> 0, ${record}); });`,
}, { cause: ['object'], name: ['$users'], line: true });

/** A package as it is bundled: two lines of one source, then those of another. */
const bundled = {
  'node_modules/$lib/package.json': `{ "name": "$lib", "version": "10.1.1", "main": "dist/index.js" }`,
  'node_modules/$lib/dist/index.js': `
    const $debug = () => false;
    exports.$isDebug = () => $debug();
    const $drafts = new Map(); //@
    exports.$keep = (key, row) => { $drafts.set(key, row); };
    //# sourceMappingURL=index.js.map`,
  'node_modules/$lib/dist/index.js.map': `{ "version": 3, "sources": ["../src/$environment.ts", "../src/$core.ts"], "names": [], "mappings": "AAAA;AACA;ACDA;AACA" }`,
  'main.js': `
    const { $keep } = require('$lib');
    drive((i) => { $keep('k' + i, ${record}); });`,
};
add('map: a package in a bundle, whose sources are not there', bundled,
  { cause: ['map'], name: ['$drafts'], file: 'dist/index.js', line: true, top: 'module $lib/dist/index.js', package: '$lib@10.1.1', count: 300 });
add('map: a package in a bundle, with its sources', {
  ...bundled,
  'node_modules/$lib/src/$environment.ts': `
    $debug: boolean = false;`,
  'node_modules/$lib/src/$core.ts': `
$drafts: Map<string, object> = new Map(); //@`,
}, { cause: ['map'], name: ['$drafts'], file: 'src/$core.ts', line: true, top: 'module $lib/src/$core.ts', package: '$lib@10.1.1', count: 300 });

// ----------------------------------------------------------------------- class statics, instances
add('class static: Map, TypeScript', `
    type $Entry = { at: number; body: unknown };

    abstract class $Base {
      protected static readonly $known: Map<string, $Entry> = new Map(); //@
    }
    class $Child extends $Base {
      public static learn(key: string, entry: $Entry): void { $Base.$known.set(key, entry); }
    }
    declare function drive(step: (i: number) => void): void;
    drive((i: number): void => { $Child.learn('k' + i, { at: i, body: ${record} }); });`,
{ cause: ['map'], name: ['$known'], file: 'main.ts', line: true }, 'typescript');
add('class static: block, bundle', {
  '$lib.js': `
    export class $Audit {
      static $trail; //@
      static { this.$trail = []; } //@
      static note(entry) { $Audit.$trail.push(entry); }
    }`,
  'main.js': `
    import { $Audit } from './$lib.js';
    drive((i) => { $Audit.note(${record}); });`,
}, { cause: ['array'], name: ['$Audit.$trail'], file: '$lib.js', line: true }, 'bundle');
add('instance: a class that extends Map', `
    class $Index extends Map {
      remember(key, value) { return this.set(key, value); }
    }
    const $byKey = new $Index(); //@
    drive((i) => { $byKey.remember('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$byKey'], line: true });
add('instance: deep in an app, ES module', {
  '$app.mjs': `
    class $Layer { constructor(inner) { this.inner = inner; } }
    class $Core { $jobs = new Map(); } //@
    export const $app = new $Layer(new $Layer(new $Layer(new $Core())));`,
  'main.mjs': `
    import { $app } from './$app.mjs';
    drive((i) => { $app.inner.inner.inner.$jobs.set(i, ${record}); });`,
}, { cause: ['map'], name: ['$jobs'], file: '$app.mjs', line: true }, 'esm');

// ---------------------------------------------------------------------------------------- globals
add('global: undeclared', `
    $trace = []; //@
    drive((i) => { $trace.push(${record}); });`,
{ cause: ['array'], name: ['$trace'], line: true });
add('global: Map, ES module', `
    globalThis.$registry ??= new Map(); //@
    drive((i) => { globalThis.$registry.set('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$registry'], line: true }, 'esm');
add('global: Map on process', `
    process.$registry ??= new Map(); //@
    drive((i) => { process.$registry.set('k' + i, ${record}); });`,
{ cause: ['map'], name: ['$registry'], line: true });
add('global: an instance, bundle', {
  '$lib.js': `
    class $Telemetry {
      $points = []; //@
      add(point) { this.$points.push(point); }
    }
    globalThis.$telemetry = new $Telemetry();`,
  'main.js': `
    import './$lib.js';
    drive((i) => { globalThis.$telemetry.add(${record}); });`,
}, { cause: ['array'], name: ['$points'], file: '$lib.js', line: true }, 'bundle');
add('circular under a global: a tree with parents', `
    globalThis.$tree = { children: [], parent: null, root: null }; //@
    globalThis.$tree.root = globalThis.$tree;
    function $grow(i) {
      const node = { parent: globalThis.$tree, root: globalThis.$tree, children: [], data: ${record} };
      node.self = node;
      globalThis.$tree.children.push(node);
    }
    drive((i) => { $grow(i); });`,
{ cause: ['array', 'object'], name: ['$tree', 'children'], line: true });
add('circular under a global: members that know their room', `
    class $Member { constructor(room, i) { this.room = room; this.peers = room.$members; this.data = ${record}; } }
    class $Room {
      constructor() { this.$members = new Set(); this.self = this; } //@
      join(i) { this.$members.add(new $Member(this, i)); }
    }
    globalThis.$lobby = new $Room();
    drive((i) => { globalThis.$lobby.join(i); });`,
{ cause: ['set'], name: ['$members'], line: true });
add('circular under a global: a ring of nodes, ES module', `
    const $first = { data: null }; //@
    $first.next = $first.prev = $first;
    globalThis.$ring = $first; //@
    export function $insert(i) {
      const node = { data: ${record}, next: $first, prev: $first.prev };
      $first.prev.next = node;
      $first.prev = node;
    }
    drive((i) => { $insert(i); });`,
{ cause: ['object', 'array', 'other'], name: ['$first', '$ring'], line: true }, 'esm');

module.exports = programs;
