'use strict';
// What an application gives to a framework (Express, Fastify), which keeps it in objects of its own. The frameworks are small
// packages here: they keep what they are given as the real ones do, and have properties of the same names.

const { collect, blob, record } = require('../define.js');

const { programs, add } = collect();

/** As Fastify: the instance is a plain object, its functions lie in several files, and it has a log and a cache. */
const fastify = {
  'node_modules/$fastify/package.json': `{ "name": "$fastify", "version": "5.2.1", "main": "fastify.js" }`,
  'node_modules/$fastify/lib/decorate.js': `
    'use strict';
    exports.add = function decorate(name, value) {
      if (Object.hasOwn(this, name)) throw new Error('FST_ERR_DEC_ALREADY_PRESENT');
      if (value && (typeof value.getter === 'function' || typeof value.setter === 'function')) Object.defineProperty(this, name, { get: value.getter, set: value.setter });
      else this[name] = value;
      return this;
    };`,
  'node_modules/$fastify/lib/logger.js': `
    'use strict';
    exports.create = () => ({ log: [], level: 'info', entries: new Map() });`,
  'node_modules/$fastify/fastify.js': `
    'use strict';
    const { add } = require('./lib/decorate.js');
    const { create } = require('./lib/logger.js');
    const kHandlers = Symbol('fastify.handlers');
    module.exports = function fastify() {
      const options = { log: create(), cache: new Map() };
      const instance = {
        log: options.log,
        cache: options.cache,
        [kHandlers]: [],
        decorate: add,
        register(plugin, given) { plugin(instance, given); return instance; },
        get(path, handler) { instance[kHandlers].push({ path, handler }); return instance; },
        inject(request) { for (const { handler } of instance[kHandlers]) handler.call(instance, request); },
      };
      return instance;
    };`,
};

/** As Express: the app is a function, its settings and locals are objects of the package's. */
const express = {
  'node_modules/$express/package.json': `{ "name": "$express", "version": "5.1.0", "main": "index.js" }`,
  'node_modules/$express/index.js': `module.exports = require('./lib/express.js');`,
  'node_modules/$express/lib/application.js': `
    'use strict';
    const app = exports = module.exports = {};
    app.init = function init() {
      this.cache = Object.create(null);
      this.engines = Object.create(null);
      this.settings = Object.create(null);
      this.rows = [];
      this.locals = Object.create(null);
      this.locals.settings = this.settings;
      this.stack = [];
    };
    app.set = function set(setting, value) {
      if (arguments.length === 1) return this.settings[setting];
      this.settings[setting] = value;
      return this;
    };
    app.use = function use(layer) { this.stack.push({ handle: layer }); return this; };
    app.get = function get(path, handler) { return handler === undefined ? this.set(path) : this.use(handler); };
    app.handle = function handle(req, res) {
      let at = 0;
      const next = () => this.stack[at++]?.handle(req, res, next);
      next();
    };`,
  'node_modules/$express/lib/express.js': `
    'use strict';
    const proto = require('./application.js');
    module.exports = function createApplication() {
      const app = function (req, res) { app.handle(req, res); };
      for (const key of Object.keys(proto)) app[key] = proto[key];
      app.init();
      return app;
    };`,
};

add('framework: a Set in an object that decorates it', {
  ...fastify,
  'main.js': `
    const $app = require('$fastify')();
    $app.decorate('$audit', { log: new Set() }); //@
    $app.get('/', function (request) { this.$audit.log.add(request); });
    drive((i) => { $app.inject(${record}); });`,
}, { cause: ['set'], name: ['log'], line: true, count: 300 });
add('framework: a Map in an object that a plugin decorates it with', {
  ...fastify,
  '$plugin.js': `
    module.exports = (app, options) => {
      app.decorate('$sessions', { //@
        limit: options.limit,
        cache: new Map(), //@
      });
      app.get('/', function (request) { if (options.limit > 0) this.$sessions.cache.set(request.id, request); });
    };`,
  '$other.js': `
    module.exports = (app) => {
      app.decorate('cached', { cache: new Map() });
      app.get('/', function (request) { this.cached.cache.set(request.id % 10, this.$sessions.limit); });
    };`,
  'main.js': `
    const $app = require('$fastify')();
    $app.register(require('./$other.js'), {}).register(require('./$plugin.js'), { limit: 10 });
    drive((i) => { $app.inject(${record}); });`,
}, { cause: ['map'], name: ['cache'], file: '$plugin.js', line: true, count: 300 });
add('framework: a Map in an object that is a setting', {
  ...express,
  '$registry.js': `
    module.exports = (app) => {
      const $registry = { rows: new Map(), hits: 0 }; //@
      app.set('$registry', $registry); //@
    };`,
  '$report.js': `
    exports.build = () => ({ rows: [], name: '$registry' });`,
  'main.js': `
    const $app = require('$express')();
    const $report = require('./$report.js').build();
    require('./$registry.js')($app);
    $app.use((req) => { $report.rows[0] = req.id; $app.get('$registry').rows.set(req.id, req); });
    drive((i) => { $app(${record}, {}); });`,
}, { cause: ['map'], name: ['rows'], file: '$registry.js', line: true, count: 300 });
add('framework: a Map that is a setting', {
  ...express,
  '$registry.js': `
    module.exports = (app) => {
      const $clients = new Map();
      app.set('cache', $clients); //@
    };`,
  'main.js': `
    const $app = require('$express')();
    require('./$registry.js')($app);
    $app.use((req) => { $app.get('cache').set(req.id, req); });
    drive((i) => { $app(${record}, {}); });`,
}, { cause: ['map'], name: ['cache'], file: '$registry.js', line: true, count: 300 });
add('framework: an array in an object that a handler holds as well', {
  ...express,
  '$audit.js': `
    exports.$attach = (app) => {
      const $audit = { stack: [], since: 1 }; //@
      app.set('$audit', $audit); //@
      app.use((req, res, next) => { $audit.stack.push(req); next(); });
    };`,
  'main.js': `
    const $app = require('$express')();
    require('./$audit.js').$attach($app);
    drive((i) => { $app(${record}, {}); });`,
}, { cause: ['array'], name: ['stack'], file: '$audit.js', line: true, count: 300 });
add('framework: a Map that the application adds as a property', {
  ...express,
  '$sessions.js': `
    module.exports = (app) => {
      app.$sessions = new Map(); //@
      app.use((req, res, next) => { app.$sessions.set(req.id, req); next(); });
    };`,
  'main.js': `
    const $app = require('$express')();
    require('./$sessions.js')($app);
    drive((i) => { $app(${record}, {}); });`,
}, { cause: ['map'], name: ['$sessions'], file: '$sessions.js', line: true, count: 300 });
add('framework: an object of its locals with the name of one of its own', {
  ...express,
  'main.js': `
    const $app = require('$express')();
    $app.locals.$pages = { cache: {} }; //@
    $app.use((req) => { $app.locals.$pages.cache['page ' + req.id] = req; });
    drive((i) => { $app(${record}, {}); });`,
}, { cause: ['object'], name: ['cache'], line: true, count: 300 });
add('framework: a Map that the application adds to an instance of its class', {
  'node_modules/$ws/package.json': `{ "name": "$ws", "version": "8.18.0", "main": "index.js" }`,
  'node_modules/$ws/index.js': `
    exports.Server = class Server {
      constructor() { this.clients = new Set(); this.options = { rooms: {} }; }
      receive(message) { this.onmessage(message); }
    };`,
  'main.js': `
    const { Server } = require('$ws');
    function $listen() {
      const server = new Server();
      server.$rooms = new Map(); //@
      server.onmessage = function (message) { this.$rooms.set(message.id, message); };
      return server;
    }
    const $server = $listen();
    drive((i) => { $server.receive(${record}); });`,
}, { cause: ['map'], name: ['$rooms'], line: true, count: 300 });
add('framework: an instance of a class of the application', {
  ...fastify,
  '$store.js': `
    module.exports = class $Store {
      constructor() { this.entries = new Map(); } //@
      add(i) { this.entries.set(i, ${blob}); }
    };`,
  'main.js': `
    const $Store = require('./$store.js');
    const $app = require('$fastify')();
    $app.decorate('$store', new $Store());
    $app.get('/', function (i) { this.$store.add(i); });
    drive((i) => { $app.inject(i); });`,
}, { cause: ['map'], name: ['entries'], file: '$store.js', line: true, count: 300 });
add('framework: a Map of its own', {
  ...fastify,
  'node_modules/$fastify/lib/logger.js': `
    'use strict';
    exports.create = () => ({ log: [], level: 'info', entries: new Map(), write(i) { this.entries.set(i, ${blob}); } }); //@`,
  'main.js': `
    const $app = require('$fastify')();
    $app.get('/', function (i) { this.log.write(i); });
    drive((i) => { $app.inject(i); });`,
}, { cause: ['map'], name: ['entries'], file: 'logger.js', line: true, count: 300, package: '$fastify@5.2.1' });

add('set: subscribers of a subject of RxJS', `
    class Subscriber {
      constructor(next) { this.isStopped = false; this.destination = { next }; }
      unsubscribe() {}
    }
    class $Subject {
      $observers = new Set(); //@
      subscribe(next) { const subscriber = new Subscriber(next); this.$observers.add(subscriber); return subscriber; }
    }
    const $updates = new $Subject();
    drive((i) => { const row = ${record}; $updates.subscribe(() => row); });`,
{ cause: ['set'], name: ['$observers'], line: true, advice: /unsubscribe\(\) of each RxJS subscription/ });

module.exports = programs;
