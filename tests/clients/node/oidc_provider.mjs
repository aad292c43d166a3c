// oidc-provider (npm), unmodified, as an OpenID Connect server at the addresses that Entra ID has; says where it listens.
// Whoever comes is signed in and has consented. Arguments: a PEM file for TLS, one with the web application's certificate.
import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { Provider } from "oidc-provider";

const { TEST_TENANT: tenant, TEST_PERSON: person } = process.env;
const { TEST_WEB: web, TEST_SECRET: secret, TEST_CERTIFIED: certified, TEST_NATIVE: native, TEST_REDIRECT: redirect } = process.env;
const [, , tls, application] = process.argv;
const API = "https://api.partnercenter.microsoft.com/.default";
const SCOPE = `openid profile offline_access ${API}`;
const jwk = createPublicKey(readFileSync(application)).export({ format: "jwk" });

const confidential = {
  grant_types: ["authorization_code", "refresh_token", "client_credentials"],
  redirect_uris: [redirect],
  scope: SCOPE,
};

const configuration = {
  clients: [
    { ...confidential, client_id: web, client_secret: secret, token_endpoint_auth_method: "client_secret_post" },
    {
      ...confidential,
      client_id: certified,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "PS256",
      jwks: { keys: [{ ...jwk, use: "sig" }] },
    },
    {
      client_id: native,
      application_type: "native",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
      redirect_uris: [],
      response_types: [],
      scope: SCOPE,
      token_endpoint_auth_method: "none",
    },
  ],
  scopes: ["openid", "profile", "offline_access", API],
  claims: { openid: ["sub", "tid", "oid", "ver"], profile: ["name", "preferred_username"] },
  conformIdTokenClaims: false,
  clientAuthMethods: ["none", "client_secret_post", "private_key_jwt"],
  enabledJWA: { clientAuthSigningAlgValues: ["PS256"] },
  rotateRefreshToken: true,
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, tid: tenant, oid: person, ver: "2.0", name: "Admin Agent", preferred_username: "admin.agent@contoso.com" }),
  }),
  interactions: { url: (_, interaction) => `/${tenant}/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: { enabled: false },
    deviceFlow: {
      enabled: true,
      userCodeInputSource: (ctx, form) => (ctx.body = form),
      userCodeConfirmSource: (ctx, form) => (ctx.body = form),
      successSource: (ctx) => (ctx.body = "signed in"),
    },
  },
  routes: {
    authorization: "/oauth2/v2.0/authorize",
    token: "/oauth2/v2.0/token",
    device_authorization: "/oauth2/v2.0/devicecode",
    code_verification: "/oauth2/deviceauth",
    jwks: "/discovery/v2.0/keys",
  },
};

const consented = async (provider, request, response) => {
  const { prompt, params } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") return { login: { accountId: person, amr: ["pwd", "mfa"] } };
  const grant = new provider.Grant({ accountId: person, clientId: params.client_id });
  grant.addOIDCScope(SCOPE);
  return { consent: { grantId: await grant.save() } };
};

const pem = readFileSync(tls);
const server = createServer({ key: pem, cert: pem });
server.listen(0, "127.0.0.1", () => {
  const provider = new Provider(`https://localhost:${server.address().port}/${tenant}/v2.0`, configuration);
  const handle = provider.callback();
  server.on("request", async (request, response) => {
    if (request.url.startsWith(`/${tenant}/interaction/`)) {
      const result = await consented(provider, request, response);
      return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
    }
    request.originalUrl = request.url; // it is mounted below the tenant
    request.url = request.url.slice(tenant.length + 1);
    return handle(request, response);
  });
  console.log(server.address().port);
});
