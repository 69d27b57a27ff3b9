'use strict';
// A plug-in of the broker: each message by its number.

const archive = new Map(); // the leak

module.exports = (broker) => {
  broker.on('publish', ({ topic, payload }) => {
    const words = Array.from({ length: 150 }, (_, n) => ({ n, in: `${topic}#${n}` }));
    archive.set(archive.size, { topic, payload, words });
  });
};
