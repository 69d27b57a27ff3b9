// node oidc-provider-server.mjs PORT [PLUGIN]: an identity provider with one client and the default adapter.
import { Provider } from 'oidc-provider';

const [port, plugin] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'shop',
      client_secret: 'secret',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  scopes: ['api'],
  features: {
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    devInteractions: { enabled: false },
  },
});
if (plugin !== undefined) provider.use((await import(plugin)).default);
provider.listen(Number(port), '127.0.0.1');
