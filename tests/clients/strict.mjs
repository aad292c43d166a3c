// A strict OpenID Connect client by hand: discovery, code flow with PKCE and nonce, and every check that there is.
// Nothing in it knows of an emulator.

import { strict as assert } from "node:assert";
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { get, request } from "node:https";

const [tenant, client, secret, redirect] = process.argv.slice(2);
const authority = `https://login.microsoftonline.com/${tenant}/v2.0`;
const base64url = (data) => Buffer.from(data).toString("base64url");

const read = (answer) =>
  new Promise((done, failed) => {
    const parts = [];
    answer.on("data", (part) => parts.push(part)).on("error", failed);
    answer.on("end", () => done({ ...answer, status: answer.statusCode, headers: answer.headers, text: Buffer.concat(parts).toString() }));
  });
const fetched = (url, headers = {}) => new Promise((done, failed) => get(url, { headers }, (a) => read(a).then(done)).on("error", failed));
const posted = (url, fields, headers = {}) =>
  new Promise((done, failed) => {
    const body = new URLSearchParams(fields).toString();
    const kind = { "Content-Type": "application/x-www-form-urlencoded", "Content-Length": Buffer.byteLength(body) };
    request(url, { method: "POST", headers: { ...kind, ...headers } }, (a) => read(a).then(done)).on("error", failed).end(body);
  });

// Discovery: the issuer is what was asked for, letter by letter (OpenID Connect Discovery 4.3).
const discovered = await fetched(`${authority}/.well-known/openid-configuration`);
assert.match(discovered.headers["content-type"], /^application\/json/);
const metadata = JSON.parse(discovered.text);
assert.equal(metadata.issuer, authority);
for (const name of ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"]) {
  assert.equal(new URL(metadata[name]).origin, "https://login.microsoftonline.com", name);
}
assert.ok(metadata.response_modes_supported.includes("form_post"));

// The answer comes as a form; somebody is signed in already.
const [state, nonce, verifier] = [0, 0, 0].map(() => base64url(randomBytes(32)));
const asked = new URL(metadata.authorization_endpoint);
asked.search = new URLSearchParams({
  client_id: client,
  response_type: "code id_token",
  response_mode: "form_post",
  redirect_uri: redirect,
  scope: "openid profile offline_access https://api.partnercenter.microsoft.com/user_impersonation",
  state,
  nonce,
  code_challenge: createHash("sha256").update(verifier).digest("base64url"),
  code_challenge_method: "S256",
});
const page = await fetched(asked);
const form = Object.fromEntries([...page.text.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g)].map((m) => [m[1], m[2]]));
assert.equal(form.state, state);
assert.equal(page.text.match(/<form[^>]*action="([^"]+)"/)[1], redirect);

// Tokens: the id_token's signature by a published key, and all of its claims.
const keys = JSON.parse((await fetched(metadata.jwks_uri)).text).keys;
const checked = (token) => {
  const [head, body, signature] = token.split(".");
  const header = JSON.parse(Buffer.from(head, "base64url"));
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  assert.equal(header.alg, "RS256");
  const key = createPublicKey({ key: keys.find((one) => one.kid === header.kid), format: "jwk" });
  assert.ok(verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url")));
  const now = Date.now() / 1000;
  assert.ok(claims.iat <= now + 5 && claims.nbf <= now + 5 && claims.exp > now);
  assert.equal(claims.iss, metadata.issuer);
  assert.equal(claims.aud, client);
  assert.equal(claims.nonce, nonce);
  assert.equal(claims.ver, "2.0");
  return claims;
};
const front = checked(form.id_token);
assert.equal(front.c_hash, createHash("sha256").update(form.code).digest().subarray(0, 16).toString("base64url"));

const proof = { client_id: client, client_secret: secret };
const exchanged = await posted(metadata.token_endpoint, {
  ...proof,
  grant_type: "authorization_code",
  code: form.code,
  redirect_uri: redirect,
  code_verifier: verifier,
});
assert.equal(exchanged.status, 200);
assert.match(exchanged.headers["cache-control"], /no-store/);
const tokens = JSON.parse(exchanged.text);
assert.equal(tokens.token_type, "Bearer");
assert.equal(typeof tokens.expires_in, "number");
const back = checked(tokens.id_token);
assert.equal(back.sub, front.sub);

const basic = { Authorization: `Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}` };
const refreshed = await posted(metadata.token_endpoint, { grant_type: "refresh_token", refresh_token: tokens.refresh_token }, basic);
assert.equal(refreshed.status, 200);
assert.notEqual(JSON.parse(refreshed.text).refresh_token, tokens.refresh_token);

// A code is good once, and errors are those of RFC 6749.
const again = await posted(metadata.token_endpoint, { ...proof, grant_type: "authorization_code", code: form.code, redirect_uri: redirect, code_verifier: verifier });
assert.deepEqual([again.status, JSON.parse(again.text).error], [400, "invalid_grant"]);
const unknown = await posted(metadata.token_endpoint, { ...proof, grant_type: "made_up" });
assert.deepEqual([unknown.status, JSON.parse(unknown.text).error], [400, "unsupported_grant_type"]);

// The API takes it, asked by fetch this time.
const customers = await fetch("https://api.partnercenter.microsoft.com/v1/customers", { headers: { Authorization: `Bearer ${tokens.access_token}` } });
assert.equal(customers.status, 200);
console.log((await customers.json()).items.length);
