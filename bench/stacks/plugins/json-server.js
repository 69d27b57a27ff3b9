'use strict';
// A middleware of json-server: a log of requests that is never emptied.

const seen = []; // the leak

module.exports = (request, response, next) => {
  const details = Array.from({ length: 400 }, (_, n) => ({ n, url: `${request.url}#${n}` }));
  seen.push({ at: new Date(), headers: { ...request.headers }, details });
  next();
};
