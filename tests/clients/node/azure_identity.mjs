// @azure/identity (npm), unmodified: each flow prints a line of JSON that says how it ended.
import * as azure from "@azure/identity";

import * as place from "./place.mjs";
import { ADDRESS, ITSELF, SCOPES, holds, native, redirect, secret, tenant, web } from "./place.mjs";

const MORE = ADDRESS ? { authorityHost: ADDRESS, disableInstanceDiscovery: true } : {};

// Settings by AZURE_*, as deployed programs have them.
const environment = async (Credential) => {
  const names = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: web, AZURE_CLIENT_SECRET: secret };
  Object.assign(process.env, names);
  try {
    await holds((await new Credential(MORE).getToken(ITSELF)).token, false);
  } finally {
    for (const name of Object.keys(names)) delete process.env[name];
  }
};

const device = () =>
  new azure.DeviceCodeCredential({
    tenantId: tenant,
    clientId: native,
    userPromptCallback: ({ verificationUri, userCode }) => place.approve(verificationUri, userCode),
    ...MORE,
  });

await place.main({
  "client secret": async () => holds((await new azure.ClientSecretCredential(tenant, web, secret, MORE).getToken(ITSELF)).token, false),
  "client certificate": async () => {
    const credential = new azure.ClientCertificateCredential(tenant, web, place.PEM_FILE, MORE);
    await holds((await credential.getToken(ITSELF)).token, false);
  },
  "settings by environment": () => environment(azure.EnvironmentCredential),
  "default credential": () => environment(azure.DefaultAzureCredential),
  "authorization code": async () => {
    const code = await place.codeFor(SCOPES[0]);
    const credential = new azure.AuthorizationCodeCredential(tenant, web, secret, code, redirect, MORE);
    await holds((await credential.getToken(SCOPES)).token, true);
  },
  "silent, by its cache and by refresh": async () => {
    const credential = device();
    await credential.getToken(SCOPES);
    await credential.getToken("https://graph.microsoft.com/User.Read");
    await holds((await credential.getToken(SCOPES)).token, true);
  },
  "device code": async () => holds((await device().getToken(SCOPES)).token, true),
  "password": async () => {
    const credential = new azure.UsernamePasswordCredential(tenant, native, place.john, place.password, MORE);
    await place.holdsAtReferrals((await credential.getToken(place.PASSWORD_SCOPES)).token);
  },
});
