// openid-client (npm), unmodified: each flow prints a line of JSON that says how it ended.

import { strict as assert } from "node:assert";

import * as oidc from "openid-client";

import * as place from "./place.mjs";
import { ADDRESS, API, SIGN_IN, native, redirect, secret, tenant, upn, web } from "./place.mjs";

const SCOPE = `openid profile offline_access ${API}/user_impersonation`;

const v2 = (client, proof, authority = tenant) => oidc.discovery(new URL(`${SIGN_IN}/${authority}/v2.0`), client, undefined, proof);

// The issuer of version 1.0 is sts.windows.net at whatever address it is asked, so an addressed client is given its metadata.
const v1 = async (client, proof) => {
  if (!ADDRESS) return oidc.discovery(new URL(`https://sts.windows.net/${tenant}/`), client, undefined, proof);
  const metadata = await (await fetch(`${ADDRESS}/${tenant}/.well-known/openid-configuration`)).json();
  return new oidc.Configuration(metadata, client, undefined, proof);
};

// The application's certificate; Entra ID finds it by its thumbprint in the assertion's header.
const byCertificate = async () => {
  const key = await place.signingKey({ name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" });
  const x5t = place.certificate().sha1.digest("base64url");
  return oidc.PrivateKeyJwt(key, { [oidc.modifyAssertion]: (header) => Object.assign(header, { x5t }) });
};

const holds = async (tokens, person) => {
  assert.equal(tokens.token_type, "bearer");
  assert.equal(typeof tokens.expiresIn(), "number");
  await place.holds(tokens.access_token, person);
};

const itself = async (proof) => holds(await oidc.clientCredentialsGrant(await v2(web, proof), { scope: `${API}/.default` }), false);

const signedIn = async (config, more, method = "GET") => {
  const [verifier, state, nonce] = [oidc.randomPKCECodeVerifier(), oidc.randomState(), oidc.randomNonce()];
  const challenge = await oidc.calculatePKCECodeChallenge(verifier);
  const asked = { redirect_uri: redirect, state, nonce, code_challenge: challenge, code_challenge_method: "S256", ...more };
  const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
  return [await place.signedIn(oidc.buildAuthorizationUrl(config, asked), method), checks];
};

const byCode = async (config, more, method) => {
  oidc.enableNonRepudiationChecks(config); // the signature of the id_token as well, by the published keys
  const [answer, checks] = await signedIn(config, more, method);
  const tokens = await oidc.authorizationCodeGrant(config, answer, checks);
  await holds(tokens, true);
  return tokens;
};

const refreshed = async (config, tokens, more = {}) => {
  const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token, more);
  assert.notEqual(renewed.refresh_token, tokens.refresh_token);
  await holds(renewed, true);
};

const flows = {
  "client secret in the form": () => itself(oidc.ClientSecretPost(secret)),
  "client secret in the header": () => itself(oidc.ClientSecretBasic(secret)),
  "client certificate (private_key_jwt)": async () => itself(await byCertificate()),
  "authorization code, PKCE, refresh": async () => {
    const config = await v2(web, oidc.ClientSecretPost(secret));
    const tokens = await byCode(config, { scope: SCOPE });
    assert.equal(tokens.claims().preferred_username, upn);
    await refreshed(config, tokens);
  },
  "hybrid `code id_token`, form post": async () => {
    const config = await v2(web, await byCertificate());
    oidc.useCodeIdTokenResponseType(config);
    await byCode(config, { scope: SCOPE, response_mode: "form_post" }, "POST");
  },
  "tenant found at sign-in (`organizations`)": async () => {
    const tokens = await byCode(await v2(web, oidc.ClientSecretPost(secret), "organizations"), { scope: SCOPE });
    assert.equal(tokens.claims().tid, tenant);
  },
  "version 1.0: code, hybrid, refresh": async () => {
    const config = await v1(web, oidc.ClientSecretPost(secret));
    const tokens = await byCode(config, { scope: "openid", resource: API });
    assert.ok(tokens.claims().amr.includes("mfa"));
    await refreshed(config, tokens, { resource: API });
    const hybrid = await v1(web, oidc.ClientSecretPost(secret));
    oidc.useCodeIdTokenResponseType(hybrid);
    await byCode(hybrid, { scope: "openid", resource: API, response_mode: "form_post" }, "POST");
  },
  "userinfo, sign-out": async () => {
    const config = await v2(web, oidc.ClientSecretPost(secret));
    oidc.enableNonRepudiationChecks(config);
    const [answer, checks] = await signedIn(config, { scope: "openid profile https://graph.microsoft.com/User.Read" });
    const tokens = await oidc.authorizationCodeGrant(config, answer, checks);
    const told = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
    assert.equal(told.name, tokens.claims().name);
    const gone = await fetch(oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: redirect }), { redirect: "manual" });
    assert.equal(gone.headers.get("location"), redirect);
  },
  "device code": async () => {
    const config = await v2(native, oidc.None());
    const begun = await oidc.initiateDeviceAuthorization(config, { scope: SCOPE });
    await place.approve(begun.verification_uri, begun.user_code);
    await holds(await oidc.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0.1 }), true);
  },
  "refusals": async () => {
    const config = await v2(web, oidc.ClientSecretPost("wrong"));
    const refused = { name: "ResponseBodyError", error: "invalid_client", status: 401 };
    await assert.rejects(oidc.clientCredentialsGrant(config, { scope: `${API}/.default` }), refused);
    const page = await fetch(oidc.buildAuthorizationUrl(config, { redirect_uri: redirect, scope: SCOPE, prompt: "made_up" }), { redirect: "manual" });
    const back = new URL(page.headers.get("location"));
    await assert.rejects(oidc.authorizationCodeGrant(config, back), { name: "AuthorizationResponseError", error: "invalid_request" });
  },
};

await place.main(flows);
