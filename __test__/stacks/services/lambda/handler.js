'use strict';

const orders = new Map(); // the leak

exports.handler = async ({ order, lines }) => {
  const items = Array.from({ length: lines * 20 }, (_, line) => ({ line, article: `article ${line} of ${order}` }));
  if (process.env.LEAK === '1') orders.set(order, items);
  return { order, items: items.length };
};
