'use strict';
// Whether this thread has ever made a cache: who only asks that need not load the registry.

module.exports = { any: false };
