// @azure/msal-node (npm), unmodified: each flow prints a line of JSON that says how it ended.
import { strict as assert } from "node:assert";

import * as msal from "@azure/msal-node";

import * as place from "./place.mjs";
import { ADDRESS, API, ITSELF, SCOPES, SIGN_IN, domain, holds, native, redirect, secret, upn, web } from "./place.mjs";

const MORE = ADDRESS ? { knownAuthorities: [new URL(ADDRESS).host] } : {};

const confidential = (credential = { clientSecret: secret }) =>
  new msal.ConfidentialClientApplication({ auth: { clientId: web, authority: `${SIGN_IN}/${domain}`, ...credential, ...MORE } });

const publicly = () => new msal.PublicClientApplication({ auth: { clientId: native, authority: `${SIGN_IN}/${domain}`, ...MORE } });

const byCode = async () => {
  const app = confidential();
  const { verifier, challenge } = await new msal.CryptoProvider().generatePkceCodes();
  const asked = { scopes: SCOPES, redirectUri: redirect };
  const link = await app.getAuthCodeUrl({ ...asked, codeChallenge: challenge, codeChallengeMethod: "S256", responseMode: "query" });
  const answer = await place.signedIn(link);
  return [app, await app.acquireTokenByCode({ ...asked, code: answer.searchParams.get("code"), codeVerifier: verifier })];
};

const byDevice = (app) =>
  app.acquireTokenByDeviceCode({
    scopes: SCOPES,
    deviceCodeCallback: ({ verificationUri, userCode }) => place.approve(verificationUri, userCode),
  });

await place.main({
  "client secret": async () => {
    const app = confidential();
    const answers = [await app.acquireTokenByClientCredential({ scopes: [ITSELF] }), await app.acquireTokenByClientCredential({ scopes: [ITSELF] })];
    assert.deepEqual(answers.map((answer) => answer.fromCache), [false, true]);
    await holds(answers[0].accessToken, false);
  },
  "client certificate": async () => {
    const { pem, sha256 } = place.certificate();
    const app = confidential({ clientCertificate: { thumbprintSha256: sha256.digest("hex"), privateKey: pem } });
    await holds((await app.acquireTokenByClientCredential({ scopes: [ITSELF] })).accessToken, false);
  },
  "authorization code, PKCE": async () => {
    const [, answer] = await byCode();
    await holds(answer.accessToken, true);
    assert.equal(answer.account.username, upn);
    assert.equal(answer.idTokenClaims.preferred_username, upn);
  },
  "browser of its own": async () => {
    const openBrowser = async (link) => {
      await fetch(await place.signedIn(link, "POST")); // to the client's own loopback address
    };
    await holds((await publicly().acquireTokenInteractive({ scopes: SCOPES, openBrowser })).accessToken, true);
  },
  "silent, by its cache and by refresh": async () => {
    const [app, { account }] = await byCode();
    const asked = { account, scopes: SCOPES };
    const first = await app.acquireTokenSilent(asked);
    const fresh = await app.acquireTokenSilent({ ...asked, forceRefresh: true });
    const other = await app.acquireTokenSilent({ account, scopes: ["https://graph.microsoft.com/User.Read"] });
    assert.deepEqual([first, fresh, other].map((answer) => answer.fromCache), [true, false, false]);
    await holds(fresh.accessToken, true);
  },
  "refresh token": async () => {
    const app = publicly();
    await byDevice(app);
    const [kept] = Object.values(JSON.parse(app.getTokenCache().serialize()).RefreshToken);
    const again = await publicly().acquireTokenByRefreshToken({ refreshToken: kept.secret, scopes: [`${API}/.default`] });
    await holds(again.accessToken, true);
  },
  "device code": async () => holds((await byDevice(publicly())).accessToken, true),
  "password": async () => {
    const asked = { scopes: place.PASSWORD_SCOPES, username: place.john, password: place.password };
    await place.holdsAtReferrals((await publicly().acquireTokenByUsernamePassword(asked)).accessToken);
  },
  "refusals": async () => {
    const wrong = confidential({ clientSecret: "wrong" }).acquireTokenByClientCredential({ scopes: [ITSELF] });
    await assert.rejects(wrong, { errorCode: "invalid_client", errorNo: 7000215 });
  },
});
