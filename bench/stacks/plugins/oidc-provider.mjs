// A middleware of Koa: the contexts of the requests by a number that never comes again.

const contexts = new Map(); // the leak
let requests = 0;

export default async function audit(ctx, next) {
  const steps = Array.from({ length: 300 }, (_, step) => ({ step, path: `${ctx.path}#${step}` }));
  contexts.set(++requests, { url: ctx.url, headers: { ...ctx.headers }, steps });
  await next();
}
