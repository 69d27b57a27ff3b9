'use strict';

const { BoundedMap } = require('./bounded-map.js');

module.exports = { BoundedMap };
