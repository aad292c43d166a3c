// A single-page application with @azure/msal-browser. Who drives it takes `ended`: how coming back from a redirect ended.
const settings = JSON.parse(decodeURIComponent(location.search.slice(1)));
const app = new msal.PublicClientApplication({ auth: { ...settings.auth, redirectUri: `${location.origin}/answer.html` } });
const scopes = ["https://graph.microsoft.com/User.Read"];

// What of a failure a program could go by.
const told = ({ name, errorCode, errorNo, message }) => ({ name, errorCode, errorNo: String(errorNo ?? ""), message });
const tried = (work) => work.then((value) => ({ value }), (failure) => ({ failure: told(failure) }));

const ended = tried(app.initialize().then(() => app.handleRedirectPromise()));

const silently = (more) => tried(app.acquireTokenSilent({ scopes, account: app.getAllAccounts()[0], ...more }));

// Graph takes this token, asked by a script of another site.
const me = async (token) => {
  const answer = await fetch(`${settings.graph}/v1.0/me`, { headers: { Authorization: `Bearer ${token}`, "client-request-id": crypto.randomUUID() } });
  return (await answer.json()).userPrincipalName;
};

// What the service publishes and answers, read by a script of another site.
const published = async () => {
  const metadata = await (await fetch(`${settings.auth.authority}/v2.0/.well-known/openid-configuration`)).json();
  const refused = await fetch(metadata.token_endpoint, { method: "POST", body: new URLSearchParams({ grant_type: "none" }), headers: { "x-client-sku": "page" } });
  return [metadata.token_endpoint, (await (await fetch(metadata.jwks_uri)).json()).keys.length > 0, (await refused.json()).error];
};
