// @microsoft/microsoft-graph-client (npm), unmodified: each flow prints a line of JSON that says how it ended.
import { strict as assert } from "node:assert";

import { AuthorizationCodeCredential, ClientSecretCredential } from "@azure/identity";
import graph from "@microsoft/microsoft-graph-client";
import authentication from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

import * as place from "./place.mjs";
import { ADDRESS, GRAPH, redirect, secret, tenant, upn, web } from "./place.mjs";

const MORE = ADDRESS ? { authorityHost: ADDRESS, disableInstanceDiscovery: true } : {};
const GRAPH_MORE = ADDRESS ? { baseUrl: `${place.at("graph.microsoft.com")}/`, customHosts: new Set([new URL(ADDRESS).hostname]) } : {};

const client = (credential, scope = `${GRAPH}/.default`) => {
  const authProvider = new authentication.TokenCredentialAuthenticationProvider(credential, { scopes: [scope] });
  return graph.Client.initWithMiddleware({ authProvider, ...GRAPH_MORE });
};

const itself = () => client(new ClientSecretCredential(tenant, web, secret, MORE));

const code = await place.codeFor(`${GRAPH}/.default`);
const person = client(new AuthorizationCodeCredential(tenant, web, secret, code, redirect, MORE));

await place.main({
  "who am I": async () => {
    const me = await person.api("/me").select("userPrincipalName").get();
    assert.equal(me.userPrincipalName, upn);
  },
  "a list, page by page": async () => {
    const names = [];
    const first = await person.api("/users").top(2).get();
    assert.equal(first.value.length, 2);
    await new graph.PageIterator(person, first, (user) => names.push(user.userPrincipalName) > 0).iterate();
    assert.ok(names.length > 2 && names.includes(upn));
  },
  "filter and count": async () => {
    const found = await person.api("/users").filter(`userPrincipalName eq '${upn}'`).header("ConsistencyLevel", "eventual").count(true).get();
    assert.deepEqual([found["@odata.count"], found.value[0].userPrincipalName], [1, upn]);
  },
  "refusals": async () => {
    await assert.rejects(itself().api("/me").get(), { statusCode: 400, code: "BadRequest" });
    await assert.rejects(itself().api("/organization").get(), { statusCode: 403, code: "Authorization_RequestDenied" });
    await assert.rejects(person.api("/users/nobody@contoso.com").get(), { statusCode: 404, code: "Request_ResourceNotFound" });
  },
});
