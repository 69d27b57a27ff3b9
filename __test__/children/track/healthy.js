'use strict';
// Everything that the leaks here do, with its end: listeners that go, timers that are cleared, promises
// that settle, one agent, streams that are read, and connections that come in waves.
const fs = require('node:fs');
const http = require('node:http');
const { EventEmitter } = require('node:events');
const { finished } = require('node:stream/promises');
const { Writable } = require('node:stream');
const { listen, request } = require('./server.js');

module.exports = async () => {
  const bus = new EventEmitter().setMaxListeners(0);
  const shutdown = new AbortController();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  for (let i = 0; i < 50; i++) bus.on('change', () => i);
  const port = await listen((req, res) => {
    const onChange = () => res.statusCode;
    bus.on('change', onChange);
    const onAbort = () => res.destroy();
    shutdown.signal.addEventListener('abort', onAbort);
    const beat = setInterval(() => {}, 1000);
    res.on('close', () => {
      bus.off('change', onChange);
      shutdown.signal.removeEventListener('abort', onAbort);
      clearInterval(beat);
    });
    fs.createReadStream(__filename).pipe(res);
  });
  const connections = [];
  return async (step) => {
    // A wave: up and down in eight steps, as a day has it.
    const wanted = 30 + Math.round(20 * Math.sin((step * Math.PI) / 4));
    while (connections.length < wanted) connections.push(bus.on.bind(bus, 'wave', () => step));
    bus.removeAllListeners('wave');
    for (const connect of connections.slice(0, wanted)) connect();
    connections.length = wanted;
    await Promise.all([request(port, 3, agent), request(port, 3, agent)]);
    const sink = new Writable({ write: (chunk, encoding, done) => setImmediate(done) });
    await finished(fs.createReadStream(__filename).pipe(sink));
    const signal = AbortSignal.any([shutdown.signal, AbortSignal.timeout(60_000)]);
    const listener = () => step;
    signal.addEventListener('abort', listener);
    signal.removeEventListener('abort', listener);
    await Promise.all(Array.from({ length: 50 }, (_, i) => Promise.resolve(i).then((value) => value + step)));
  };
};
