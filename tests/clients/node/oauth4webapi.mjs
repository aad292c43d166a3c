// oauth4webapi (npm), unmodified, a strict client: each flow prints a line of JSON that says how it ended.
import { strict as assert } from "node:assert";

import * as oauth from "oauth4webapi";

import * as place from "./place.mjs";
import { API, ITSELF, SIGN_IN, native, redirect, secret, tenant, upn, web } from "./place.mjs";

const SCOPE = `openid profile offline_access ${API}/user_impersonation`;
const WEB = { client_id: web };

const server = async () => {
  const issuer = new URL(`${SIGN_IN}/${tenant}/v2.0`);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer));
};

const byCertificate = async () => {
  const key = await place.signingKey({ name: "RSA-PSS", hash: "SHA-256" });
  const thumbprint = place.certificate().sha256.digest("base64url");
  return oauth.PrivateKeyJwt(key, { [oauth.modifyAssertion]: (header) => Object.assign(header, { "x5t#S256": thumbprint }) });
};

const itself = async (proof) => {
  const as = await server();
  const answer = await oauth.clientCredentialsGrantRequest(as, WEB, proof, new URLSearchParams({ scope: ITSELF }));
  await place.holds((await oauth.processClientCredentialsResponse(as, WEB, answer)).access_token, false);
};

const byCode = async (as, proof, more = {}) => {
  const [verifier, state, nonce] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState(), oauth.generateRandomNonce()];
  const link = new URL(as.authorization_endpoint);
  const challenge = await oauth.calculatePKCECodeChallenge(verifier);
  const asked = { client_id: web, redirect_uri: redirect, response_type: "code", scope: SCOPE, state, nonce };
  link.search = new URLSearchParams({ ...asked, code_challenge: challenge, code_challenge_method: "S256", ...more });
  const hybrid = more.response_mode === "form_post";
  const back = await place.signedIn(link, hybrid ? "POST" : "GET");
  const checked = hybrid
    ? await oauth.validateCodeIdTokenResponse(as, WEB, back, nonce, state)
    : oauth.validateAuthResponse(as, WEB, back, state);
  const answer = await oauth.authorizationCodeGrantRequest(as, WEB, proof, checked, redirect, verifier);
  const tokens = await oauth.processAuthorizationCodeResponse(as, WEB, answer, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, answer);
  return tokens;
};

await place.main({
  "discovery": async () => {
    const as = await server();
    assert.ok(as.response_types_supported.includes("code id_token"));
    for (const name of ["revocation", "introspection", "registration", "pushed_authorization_request"]) {
      assert.equal(as[`${name}_endpoint`], undefined);
    }
    await assert.rejects(oauth.revocationRequest(as, WEB, oauth.ClientSecretPost(secret), "x"), { name: "OperationProcessingError" });
  },
  "client secret in the form": () => itself(oauth.ClientSecretPost(secret)),
  "client secret in the header": () => itself(oauth.ClientSecretBasic(secret)),
  "client certificate (private_key_jwt, PS256)": async () => itself(await byCertificate()),
  "authorization code, PKCE, refresh": async () => {
    const [as, proof] = [await server(), oauth.ClientSecretPost(secret)];
    const tokens = await byCode(as, proof);
    assert.equal(oauth.getValidatedIdTokenClaims(tokens).preferred_username, upn);
    await place.holds(tokens.access_token, true);
    const answer = await oauth.refreshTokenGrantRequest(as, WEB, proof, tokens.refresh_token);
    const renewed = await oauth.processRefreshTokenResponse(as, WEB, answer);
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
    await place.holds(renewed.access_token, true);
  },
  "hybrid `code id_token`, form post": async () => {
    const tokens = await byCode(await server(), await byCertificate(), { response_type: "code id_token", response_mode: "form_post" });
    await place.holds(tokens.access_token, true);
  },
  "userinfo": async () => {
    const as = await server();
    const tokens = await byCode(as, oauth.ClientSecretPost(secret), { scope: "openid profile email https://graph.microsoft.com/User.Read" });
    const answer = await oauth.userInfoRequest(as, WEB, tokens.access_token);
    const { sub } = oauth.getValidatedIdTokenClaims(tokens);
    assert.equal((await oauth.processUserInfoResponse(as, WEB, sub, answer)).email, upn);
  },
  "device code": async () => {
    const [as, client] = [await server(), { client_id: native }];
    const begun = await oauth.processDeviceAuthorizationResponse(
      as, client, await oauth.deviceAuthorizationRequest(as, client, oauth.None(), { scope: SCOPE }),
    );
    const poll = async () =>
      oauth.processDeviceCodeResponse(as, client, await oauth.deviceCodeGrantRequest(as, client, oauth.None(), begun.device_code));
    await assert.rejects(poll(), { error: "authorization_pending" });
    await place.approve(begun.verification_uri, begun.user_code);
    await place.holds((await poll()).access_token, true);
  },
  "refusals": async () => {
    const as = await server();
    const answer = await oauth.clientCredentialsGrantRequest(as, WEB, oauth.ClientSecretPost("wrong"), new URLSearchParams({ scope: ITSELF }));
    await assert.rejects(oauth.processClientCredentialsResponse(as, WEB, answer), { error: "invalid_client", status: 401 });
  },
});
