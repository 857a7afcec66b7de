import { describe, expect, it } from "vitest";
import { actAs } from "../../src/core/act-as.ts";
import type { Principal } from "../../src/core/principal.ts";
import type { SecretKeys } from "../../src/core/secret-keys.ts";

// Nothing else of either is read.
const principal = { projectId: "prj_a", subject: "key_a", scopes: new Set(["act_as"]) } as unknown as Principal;
const keys = { subjectId: async (project: string, name: string) => `${project}/${name}` } as unknown as SecretKeys;

describe("acting for a subject", () => {
  it.each(["alice", "🙂", "user:https://auth.example.com/#bob"])("is done under its own id: %s", async (subject) => {
    const acting = await actAs(principal, subject, keys);
    expect(acting).toMatchObject({ subject, subjectId: `prj_a/${subject}` });
  });

  it.each(["\ud800", "alice\udc00", "key_b", "system:evals", "admin"])("is refused where it is %j", async (subject) => {
    await expect(actAs(principal, subject, keys)).rejects.toMatchObject({
      code: "invalid_request",
      param: "parapet.subject",
    });
  });
});
