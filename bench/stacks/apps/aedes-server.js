'use strict';
// node aedes-server.js PORT [PLUGIN]

const net = require('node:net');
const { Aedes } = require('aedes');

const [port, plugin] = process.argv.slice(2);
void Aedes.createBroker().then((broker) => {
  if (plugin !== undefined) require(plugin)(broker);
  net.createServer(broker.handle).listen(Number(port), '127.0.0.1');
});
