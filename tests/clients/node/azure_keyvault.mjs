// @azure/keyvault-secrets (npm), unmodified: each flow prints a line of JSON that says how it ended.
import { strict as assert } from "node:assert";

import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

import * as place from "./place.mjs";
import { ADDRESS, secret, tenant, web } from "./place.mjs";

const MORE = ADDRESS ? { authorityHost: ADDRESS, disableInstanceDiscovery: true } : {};
const VAULT_MORE = ADDRESS ? { disableChallengeResourceVerification: true } : {};

const vault = () => new SecretClient(place.at("contoso.vault.azure.net"), new ClientSecretCredential(tenant, web, secret, MORE), VAULT_MORE);

const all = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};

await place.main({
  "set and get": async () => {
    await vault().setSecret("set", "one", { tags: { epoch: "1" }, contentType: "text/plain" });
    const found = await vault().getSecret("set");
    assert.deepEqual([found.value, found.properties.tags], ["one", { epoch: "1" }]);
  },
  "list": async () => {
    for (const number of [0, 1, 2]) await vault().setSecret(`list-${number}`, "x");
    const names = (await all(vault().listPropertiesOfSecrets())).map((one) => one.name);
    assert.ok(["list-0", "list-1", "list-2"].every((name) => names.includes(name)));
  },
  "versions": async () => {
    const made = [];
    for (const value of ["one", "two"]) made.push((await vault().setSecret("versions", value)).properties.version);
    const found = (await all(vault().listPropertiesOfSecretVersions("versions"))).map((one) => one.version);
    assert.deepEqual(found.sort(), [...made].sort());
    assert.equal((await vault().getSecret("versions", { version: made[0] })).value, "one");
  },
  "update": async () => {
    const { version } = (await vault().setSecret("update", "one")).properties;
    const changed = await vault().updateSecretProperties("update", version, { enabled: false, tags: { a: "b" } });
    assert.deepEqual([changed.enabled, changed.tags], [false, { a: "b" }]);
  },
  "delete and recover": async () => {
    await vault().setSecret("recover", "one");
    await (await vault().beginDeleteSecret("recover", { intervalInMs: 100 })).pollUntilDone();
    await assert.rejects(vault().setSecret("recover", "two"), { statusCode: 409 });
    assert.ok((await all(vault().listDeletedSecrets())).some((one) => one.name === "recover"));
    await (await vault().beginRecoverDeletedSecret("recover", { intervalInMs: 100 })).pollUntilDone();
    assert.equal((await vault().getSecret("recover")).value, "one");
  },
  "purge": async () => {
    await vault().setSecret("purge", "one");
    await (await vault().beginDeleteSecret("purge", { intervalInMs: 100 })).pollUntilDone();
    await vault().purgeDeletedSecret("purge");
    await assert.rejects(vault().getSecret("purge"), { statusCode: 404, code: "SecretNotFound" });
  },
  "backup and restore": async () => {
    await vault().setSecret("backup", "one");
    const kept = await vault().backupSecret("backup");
    await (await vault().beginDeleteSecret("backup", { intervalInMs: 100 })).pollUntilDone();
    await vault().purgeDeletedSecret("backup");
    await vault().restoreSecretBackup(kept);
    assert.equal((await vault().getSecret("backup")).value, "one");
  },
});
