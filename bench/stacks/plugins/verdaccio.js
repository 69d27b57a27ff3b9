'use strict';
// A middleware plug-in of verdaccio: who asked for what, by request.

const downloads = new Map(); // the leak
let requests = 0;

module.exports = () => ({
  register_middlewares(app) {
    app.use((request, response, next) => {
      const parts = Array.from({ length: 400 }, (_, n) => ({ n, url: `${request.url}#${n}` }));
      downloads.set(++requests, { headers: { ...request.headers }, parts });
      next();
    });
  },
});
