'use strict';
// The stacks of npm run test:stacks.

/** Four leaks in one worker of two under PM2: production.js. */
const PRODUCTION = 'production';
const STACKS = [
  PRODUCTION,
  'health-metrics',
  'nest-request-scope',
  'fastify-pg',
  'socket-io',
  'ws-nginx',
  'graphql-dataloader',
  'next-route',
  'bullmq-listener',
  'outbound-agents',
  'aborted-streams',
  'native-gzip',
  'lambda',
];

module.exports = { PRODUCTION, STACKS };
