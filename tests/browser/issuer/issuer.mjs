// An issuer for tests: node issuer.mjs FOLDER-OF-PACKAGES RETURN-ADDRESS... It writes its URL, and rotates its keys when it reads a line.

import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [packages, ...returnAddresses] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${packages}/node_modules/oidc-provider/lib/index.js`));

// What the directory of an office knows of its accounts; whoever else signs in has an account without any role.
const people = {
  'sachbearbeitung': { roles: ['stundenpool-sachbearbeitung', 'mail'] },
  'leitung': { roles: ['stundenpool-leitung'], provider: 'traeger-a' },
};
const systems = { 'abrechnung': { roles: ['stundenpool-leitung'], provider: 'traeger-a' } };

function newKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' };
}

function provider(issuer) {
  return new Provider(issuer, {
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomUUID()] },
    clients: [
      {
        client_id: 'stundenpool',
        client_secret: 'ge:heim/+%',
        redirect_uris: returnAddresses.map((home) => `${home}/anmeldung/oidc/zurueck`),
        backchannel_logout_uri: `${returnAddresses[0]}/anmeldung/oidc/abmeldung`,
        backchannel_logout_session_required: true,
        post_logout_redirect_uris: returnAddresses.map((home) => `${home}/`),
      },
      {
        client_id: 'abrechnung',
        client_secret: 'abrechnungsgeheimnis',
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // to this machine as well, where the service is
    pkce: { required: () => true },
    claims: { openid: ['sub', 'roles', 'provider'] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
    extraTokenClaims: (_, token) => systems[token.clientId],
    features: {
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_, client) => (client.clientId in systems ? 'urn:stundenpool' : undefined),
        getResourceServerInfo: () => ({
          scope: 'stundenpool stundenpool:read stundenpool:events',
          audience: 'stundenpool-api',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    ttl: { ClientCredentials: 300, AccessToken: 300, IdToken: 300, Interaction: 300, Session: 300, Grant: 300 },
  });
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`; // to a browser, another site than 127.0.0.1
  answer = provider(issuer).callback();
  process.stdout.write(`${issuer}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', () => {
    answer = provider(issuer).callback();
    process.stdout.write('rotated\n');
  });
  lines.on('close', () => process.exit()); // with the test that started it
});
