'use strict';
// oidc-provider: tokens by client credentials, introspection, keys and discovery.

const path = require('node:path');
const { call } = require('./support.js');

const AUTHORIZATION = { authorization: `Basic ${Buffer.from('shop:secret').toString('base64')}` };

const program = ({ port, plugin }) => ({
  script: path.join(__dirname, 'oidc-provider-server.mjs'),
  args: [String(port), ...(plugin === undefined ? [] : [plugin])],
});

async function request({ port, i }) {
  const url = `http://127.0.0.1:${port}`;
  if (i % 10 === 0) return call(`${url}/.well-known/openid-configuration`);
  if (i % 10 === 1) return call(`${url}/jwks`);
  const { access_token: token } = await call(`${url}/token`, {
    method: 'POST',
    form: { grant_type: 'client_credentials', scope: 'api' },
    headers: AUTHORIZATION,
  });
  await call(`${url}/token/introspection`, { method: 'POST', form: { token }, headers: AUTHORIZATION });
}

module.exports = { program, request, rate: 15, causes: ['map'] };
