import { describe, expect, it } from "vitest";
import { loadPrompts } from "../../src/prompting/load-prompts.ts";
import { parsePrompt, renderPrompt } from "../../src/prompting/parse-prompt.ts";

const file = `---
name: greeting
version: v1.2
variables: [who, what]
---

# system

Be kind.

# user

Hello {{who}}, here is {{what}}.
`;

describe("a prompt file", () => {
  it("has a head, a system part and a user part", () => {
    expect(parsePrompt(file, "h")).toEqual({
      name: "greeting",
      version: "v1.2",
      hash: "h",
      variables: ["who", "what"],
      system: "Be kind.",
      user: "Hello {{who}}, here is {{what}}.",
    });
  });

  it.each([
    ["a variable that is used but not listed", file.replace("[who, what]", "[who]")],
    ["a variable that is listed but not used", file.replace("[who, what]", "[who, what, why]")],
    ["no version", file.replace("version: v1.2\n", "")],
    ["no user part", file.slice(0, file.indexOf("# user"))],
  ])("is refused with %s", (_name, broken) => {
    expect(() => parsePrompt(broken, "h")).toThrow();
  });

  it("is filled in one pass: a value that looks like a variable stays text", () => {
    const text = renderPrompt("{{a}} {{b}}", { a: "{{b}}", b: "x" });
    expect(text).toBe("{{b}} x");
  });

  it("is not filled without a value for each variable", () => {
    expect(() => renderPrompt("{{a}}", {})).toThrow("a");
  });
});

it("every prompt's current version is bundled", async () => {
  const prompts = await loadPrompts();
  const prompt = prompts.current("grounded-answer");
  expect(prompt.variables).toEqual(["context", "question"]);
  expect(prompt.hash).toMatch(/^[0-9a-f]{64}$/);
});
