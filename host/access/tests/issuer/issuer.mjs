// A real OpenID Connect issuer on a free port of this machine. It says one JSON line for each line that it is told:
//
//   (start)   {"issuer", "jwks"}
//   machine   {"RS256", "ES256", "EdDSA"}: access tokens of a machine (client credentials), one for each algorithm
//   person    {"id_token"}: the ID token of a person who logged in (authorization code with PKCE)
//   rotate    {"rotated": true}: from now on it signs with new keys, and publishes these only
//
// It ends when its input ends.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const REDIRECT = 'https://console.example/callback';
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

function freshKeys() {
  const key = (alg, kind, options) => {
    const { privateKey } = generateKeyPairSync(kind, options);
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${randomBytes(4).toString('hex')}` };
  };
  return [
    key('RS256', 'rsa', { modulusLength: 2048 }),
    key('ES256', 'ec', { namedCurve: 'P-256' }),
    key('EdDSA', 'ed25519', {}),
  ];
}

function provider(issuer) {
  const created = new Provider(issuer, {
    jwks: { keys: freshKeys() },
    cookies: { keys: [randomBytes(32).toString('hex')] },
    clients: [
      {
        client_id: 'gauge-7',
        client_secret: 'a secret for this test only',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'console',
        client_secret: 'another secret for this test only',
        grant_types: ['authorization_code'],
        redirect_uris: [REDIRECT],
        response_types: ['code'],
        id_token_signed_response_alg: 'ES256',
      },
    ],
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name'], groups: ['groups'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, name: '李华', groups: ['yunhe-commander', 'duty-990100901'] }),
    }),
    extraTokenClaims: () => ({ groups: ['yunhe-gauges'] }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: 'act',
          audience: 'muster',
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: resource.split(':').pop() } },
        }),
      },
    },
  });
  return created;
}

let current;
const server = createServer(async (request, response) => {
  try {
    if (!request.url.startsWith('/interaction/')) return current.callback()(request, response);
    // Whoever comes is logged in and agrees.
    const { prompt, session, params } = await current.interactionDetails(request, response);
    let result = { login: { accountId: 'li.hua' } };
    if (prompt.name === 'consent') {
      const grant = new current.Grant({ accountId: session.accountId, clientId: params.client_id });
      grant.addOIDCScope('openid profile groups');
      result = { consent: { grantId: await grant.save() } };
    }
    return await current.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  } catch (error) {
    response.statusCode = 500;
    return response.end(String(error));
  }
});
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
current = provider(issuer);

async function token(client, secret, form) {
  const authorization = `Basic ${Buffer.from([client, secret].map(encodeURIComponent).join(':')).toString('base64')}`;
  const answer = await fetch(`${issuer}/token`, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
  const body = await answer.json();
  if (!answer.ok) throw new Error(JSON.stringify(body));
  return body;
}

async function machine() {
  const tokens = {};
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    const form = { grant_type: 'client_credentials', resource: `urn:muster:${alg}`, scope: 'act' };
    tokens[alg] = (await token('gauge-7', 'a secret for this test only', form)).access_token;
  }
  return tokens;
}

async function person() {
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: 'console',
    response_type: 'code',
    redirect_uri: REDIRECT,
    scope: 'openid profile groups',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const cookies = new Map();
  let next = `${issuer}/auth?${query}`;
  for (let step = 0; step < 20 && !next.startsWith(REDIRECT); step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(next, { redirect: 'manual', headers: { cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split(/=(.*)/s);
      cookies.set(name, value);
    }
    const location = answer.headers.get('location');
    if (!location) throw new Error(`no redirect from ${next}: ${answer.status} ${await answer.text()}`);
    next = new URL(location, issuer).toString();
  }
  const code = new URL(next).searchParams.get('code');
  if (!code) throw new Error(`no code in ${next}`);
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, code_verifier: verifier };
  const { id_token } = await token('console', 'another secret for this test only', form);
  return { id_token };
}

say({ issuer, jwks: `${issuer}/jwks` });
const told = {
  machine,
  person,
  rotate: async () => {
    current = provider(issuer);
    return { rotated: true };
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  try {
    say(await told[line]());
  } catch (error) {
    say({ error: String(error?.stack ?? error) });
  }
}
server.closeAllConnections();
server.close();
