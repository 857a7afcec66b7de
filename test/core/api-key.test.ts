import { beforeAll, describe, expect, it } from "vitest";
import { issueApiKey, readApiKey, type ApiKeyClaims } from "../../src/core/api-key.ts";
import { newId } from "../../src/core/ids.ts";
import { scopes } from "../../src/core/principal.ts";
import { createSecretKeys, type SecretKeys } from "../../src/core/secret-keys.ts";

let keys: SecretKeys;
let otherKeys: SecretKeys;
beforeAll(async () => {
  keys = await createSecretKeys("a".repeat(32));
  otherKeys = await createSecretKeys("b".repeat(32));
});

const claims: ApiKeyClaims = {
  keyId: newId("key"),
  rootKeyId: newId("key"),
  projectId: "prj_default",
  scopes: ["chat", "act_as", "evals:run"],
  expiresAtMs: 1_800_000_000_000,
  onDisconnect: "abort",
};

describe("an API key", () => {
  it("says who it belongs to", async () => {
    expect(await readApiKey(await issueApiKey(claims, keys), keys)).toEqual(claims);
  });

  it("can last for ever", async () => {
    const eternal = { ...claims, expiresAtMs: null };
    expect(await readApiKey(await issueApiKey(eternal, keys), keys)).toEqual(eternal);
  });

  it.each(["abort", "drain"] as const)(
    "carries what becomes of its calls when their client leaves: %s",
    async (onDisconnect) => {
      const draining = { ...claims, scopes: [...scopes], onDisconnect };
      expect(await readApiKey(await issueApiKey(draining, keys), keys)).toEqual(draining);
    },
  );

  it("is worth nothing to another deployment", async () => {
    expect(await readApiKey(await issueApiKey(claims, keys), otherKeys)).toBeNull();
  });

  it("breaks when any byte of it changes", async () => {
    const key = await issueApiKey(claims, keys);
    const start = "parapet_".length;
    for (let index = start; index < key.length - 1; index += 1) {
      const changed = key.slice(0, index) + (key[index] === "A" ? "B" : "A") + key.slice(index + 1);
      expect(await readApiKey(changed, keys), `at ${index}`).toBeNull();
    }
  });

  it.each(["", "parapet_", "parapet_!!!", "sk-123", `parapet_${"A".repeat(80)}`, `parapet_${"A".repeat(5000)}`])(
    "refuses junk: %.20s",
    async (junk) => {
      expect(await readApiKey(junk, keys)).toBeNull();
    },
  );
});

describe("the deployment's keys", () => {
  it("gives a subject the same id in its project and another one elsewhere", async () => {
    const id = await keys.subjectId("prj_a", "alice");
    expect(id).toMatch(/^sub_[0-9a-f]{20}$/);
    expect(await keys.subjectId("prj_a", "alice")).toBe(id);
    expect(await keys.subjectId("prj_b", "alice")).not.toBe(id);
    expect(await otherKeys.subjectId("prj_a", "alice")).not.toBe(id);
  });

  it("compares texts of any length", async () => {
    expect(await keys.equal("secret", "secret")).toBe(true);
    expect(await keys.equal("secret", "secreT")).toBe(false);
    expect(await keys.equal("secret", "secret2")).toBe(false);
    expect(await keys.equal("", "")).toBe(true);
  });

  it("encrypts content so that only the subject's key opens it", async () => {
    const own = await keys.newContentKey();
    const others = await keys.newContentKey();
    const sealed = await keys.encrypt(own, "what was said");
    expect(new TextDecoder().decode(sealed)).not.toContain("what was said");
    expect(await keys.decrypt(own, sealed)).toBe("what was said");
    await expect((async () => await keys.decrypt(others, sealed))()).rejects.toThrow();
    await expect((async () => await otherKeys.decrypt(own, sealed))()).rejects.toThrow();
  });
});
