'use strict';
// aedes, a broker of MQTT, as a chat: members join rooms, write, and come back as others.

const path = require('node:path');
const { inPackage } = require('./support.js');

const MEMBERS = 30;
const ROOMS = 8;
const members = [];

const program = ({ port, plugin }) => ({
  script: path.join(__dirname, 'aedes-server.js'),
  args: [String(port), ...(plugin === undefined ? [] : [plugin])],
});

/** Each tenth request a member leaves and another one comes; every other one closes its socket without a word. */
async function request({ port, i }) {
  const mqtt = require(inPackage('mqtt'));
  const at = i % MEMBERS;
  if (members[at] === undefined || i % 10 === 0) {
    members[at]?.end(i % 20 === 0);
    members[at] = mqtt.connect(`mqtt://127.0.0.1:${port}`, { clientId: `member-${i}`, reconnectPeriod: 0 });
    members[at].on('error', () => {});
    await members[at].subscribeAsync(`room/${i % ROOMS}`, { qos: i % 2 });
  }
  const retain = i % 50 === 0;
  await members[at].publishAsync(`room/${i % ROOMS}`, `message ${i} ${'x'.repeat(200)}`, { qos: i % 2, retain });
}

const end = () => members.splice(0).forEach((member) => member?.end(true));

module.exports = { program, request, end, rate: 30, causes: ['map'] };
