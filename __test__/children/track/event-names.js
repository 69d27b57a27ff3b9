'use strict';
// Each request waits for an event of its own name, which sometimes never comes.
const { EventEmitter } = require('node:events');

module.exports = async () => {
  const replies = new EventEmitter();
  let id = 0;
  return function ask() {
    for (let i = 0; i < 20; i++) replies.once(`reply ${id++}`, () => i); // leak
    for (let i = 0; i < 15; i++) replies.emit(`reply ${id - 20 + i}`);
  };
};
