// Where a client finds Microsoft: at the emulator's address, or under the real names with nothing changed.
import { strict as assert } from "node:assert";
import { createHash, createPrivateKey, webcrypto, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";

const { TEST_EMULATOR: emulator, TEST_FOLDER: folder } = process.env;

export const { TEST_TENANT: tenant, TEST_DOMAIN: domain } = process.env;
export const { TEST_WEB: web, TEST_SECRET: secret, TEST_NATIVE: native, TEST_REDIRECT: redirect } = process.env;
export const { TEST_PERSON: upn, TEST_JOHN: john, TEST_PASSWORD: password } = process.env;
export const ADDRESS = emulator ?? "";
export const SIGN_IN = emulator ?? "https://login.microsoftonline.com";
export const API = "https://api.partnercenter.microsoft.com";
export const REFERRALS = "https://api.partner.microsoft.com";
export const GRAPH = "https://graph.microsoft.com";
export const ITSELF = `${API}/.default`;
export const SCOPES = [`${API}/user_impersonation`];
export const PASSWORD_SCOPES = [`${REFERRALS}/user_impersonation`];
export const PEM_FILE = `${folder}/application.pem`;

// The address of a service by its real name.
export const at = (name) => (emulator ? `${emulator}/${name}` : `https://${name}`);

export const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

// Partner Center takes this token: that of a person with MFA, or that of the application itself.
export const holds = async (token, person) => {
  assert.equal(claims(token).aud, API);
  assert.equal((claims(token).amr ?? []).includes("mfa"), person);
  assert.equal((await asked(`${at("api.partnercenter.microsoft.com")}/v1/customers`, token)).items.length, 6);
};

// The Referrals API takes this token, of a person who gave a password and no more.
export const holdsAtReferrals = async (token) => {
  assert.deepEqual([claims(token).aud, claims(token).amr], [REFERRALS, ["pwd"]]);
  assert.ok((await asked(`${at("api.partner.microsoft.com")}/v1.0/engagements/referrals`, token)).value.length);
};

const asked = async (address, token) => {
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  assert.equal(answer.status, 200);
  return answer.json();
};

// The key and the certificate of the application, and the certificate's thumbprints.
export const certificate = () => {
  const pem = readFileSync(PEM_FILE, "utf8");
  const raw = new X509Certificate(pem).raw;
  return { pem, sha1: createHash("sha1").update(raw), sha256: createHash("sha256").update(raw) };
};

export const signingKey = (algorithm) => {
  const der = createPrivateKey(readFileSync(PEM_FILE)).export({ type: "pkcs8", format: "der" });
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
};

// Somebody is signed in already, so the page answers at once: by a redirect, or by a form for the application.
export const signedIn = async (link, method = "GET") => {
  const page = await fetch(link, { redirect: "manual" });
  if (method === "GET") return new URL(page.headers.get("location"));
  const text = await page.text();
  const inputs = text.matchAll(/<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g);
  const body = new URLSearchParams([...inputs].map((input) => [input[1], input[2]]));
  return new Request(text.match(/<form[^>]*action="([^"]+)"/)[1], { method, body });
};

// The code of a sign-in at the web application.
export const codeFor = async (scope) => {
  const asked = { client_id: web, response_type: "code", redirect_uri: redirect, scope: `${scope} offline_access` };
  const answer = await signedIn(`${SIGN_IN}/${domain}/oauth2/v2.0/authorize?${new URLSearchParams(asked)}`);
  return answer.searchParams.get("code");
};

// Enter a device's code, as its message says.
export const approve = async (address, code) => {
  const entered = await fetch(address, { method: "POST", body: new URLSearchParams({ otc: code }) });
  assert.equal(entered.status, 200);
};

const inTime = (work) =>
  Promise.race([work, new Promise((_, refuse) => setTimeout(refuse, 20_000, new Error("it did not end")).unref())]);

// Do every flow, and print how each ended.
export const main = async (flows) => {
  for (const [flow, act] of Object.entries(flows)) {
    let error = "";
    try {
      await inTime(act());
    } catch (failure) {
      const { name, code = "", message, error_description: said = "", cause } = failure;
      error = `${name} ${code}: ${message} ${said} ${cause?.message ?? ""}`.slice(0, 500);
    }
    console.log(JSON.stringify({ flow, error }));
  }
  process.exit(); // whatever a client still listens for
};
