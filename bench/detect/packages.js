'use strict';
// Services built on published packages, used wrongly (leak) and rightly (ok), under HTTP load of their
// own: `node packages.js NAME leak|ok`, with the packages of packages.json installed in NODE_PATH or above.
const { service, many, record, text } = require('./processes.js');

let served = 0;
const answer = (response, body) => response.end(typeof body === 'string' ? body : JSON.stringify(body));

const leak = {
  // One loader for the whole process: its cache of promises is never cleared.
  dataloader() {
    const DataLoader = require('dataloader');
    const users = new DataLoader(async (ids) => ids.map((id) => ({ ...record(id), seen: many(150, id) })));
    service(800, async (request, response) => answer(response, await users.load(served++)));
  },
  // A new schema object for each request: the instance keeps every compiled one.
  ajv() {
    const Ajv = require('ajv');
    const ajv = new Ajv();
    service(150, (request, response) => {
      const schema = { type: 'object', properties: { id: { const: served++ }, name: { type: 'string' } } };
      answer(response, String(ajv.compile(schema)(record(served))));
    });
  },
  // Memoized by a key that never comes again.
  'lodash.memoize'() {
    const memoize = require('lodash.memoize');
    const render = memoize((url) => ({ url, html: text(served, 700) + Math.random(), parts: many(100, url) }));
    service(700, (request, response) => answer(response, render(`${request.url}?${served++}`).html));
  },
  // A subscription for each request that is never ended.
  rxjs() {
    const { Subject, filter, map } = require('rxjs');
    const events = new Subject();
    service(400, (request, response) => {
      const session = { ...record(served++), seen: many(250, served) };
      events
        .pipe(
          filter((e) => e === session.id),
          map(() => session),
        )
        .subscribe(() => session);
      answer(response, 'ok');
    });
  },
  // A database in WASM memory for each request, never closed.
  'sql.js'() {
    require('sql.js')().then((SQL) => {
      const blob = new Uint8Array(150_000).fill(7);
      service(6, (request, response) => {
        const db = new SQL.Database();
        db.run('create table t (b)');
        db.run('insert into t values (?)', [blob]);
        answer(response, String(db.exec('select count(*) from t')[0].values[0][0]));
      });
    });
  },
  // No ttl, no maxKeys.
  'node-cache'() {
    const NodeCache = require('node-cache');
    const cache = new NodeCache({ useClones: false });
    service(800, (request, response) => {
      cache.set(`k${served}`, { ...record(served++), seen: many(80, served) });
      answer(response, 'ok');
    });
  },
};

const ok = {
  fastify() {
    const app = require('fastify')();
    app.get('/*', async (request) => record(request.url.length));
    app.ready().then(() => service(600, (request, response) => app.routing(request, response)));
  },
  'express-compression'() {
    const app = require('express')();
    app.use(require('compression')());
    app.get('*', (request, response) => response.json(Array.from({ length: 20 }, (_, i) => record(i))));
    service(150, app);
  },
  'lru-cache'() {
    const { LRUCache } = require('lru-cache');
    const cache = new LRUCache({ max: 8000 });
    service(800, (request, response) => {
      cache.set(`k${served}`, record(served++));
      answer(response, 'ok');
    });
  },
  'quick-lru'() {
    const QuickLRU = require('quick-lru');
    const cache = new QuickLRU({ maxSize: 3000 });
    service(800, (request, response) => {
      const key = `k${served++ % 9000}`;
      if (!cache.has(key)) cache.set(key, record(served));
      answer(response, cache.get(key));
    });
  },
  handlebars() {
    const Handlebars = require('handlebars');
    const page = Handlebars.compile('<h1>{{name}}</h1>{{#each roles}}<b>{{this}}</b>{{/each}}<p>{{body}}</p>');
    service(700, (request, response) => answer(response, page(record(served++))));
  },
  'node-cache'() {
    const NodeCache = require('node-cache');
    const cache = new NodeCache({ stdTTL: 5, checkperiod: 1, useClones: false });
    service(800, (request, response) => {
      cache.set(`k${served}`, record(served++));
      answer(response, 'ok');
    });
  },
  ajv() {
    const Ajv = require('ajv');
    const valid = new Ajv().compile({
      type: 'object',
      properties: { id: { type: 'number' }, name: { type: 'string' } },
      required: ['id'],
    });
    service(800, (request, response) => answer(response, String(valid(record(served++)))));
  },
};

if (require.main === module) {
  const [name, kind] = process.argv.slice(2);
  const program = { leak, ok }[kind]?.[name];
  if (program === undefined) throw new TypeError(`no such program: ${name} ${kind}`);
  program();
}
