import { describe, expect, it } from "vitest";
import { modelNotFound } from "../../src/gateway/model-not-found.ts";
import { catalog } from "../../src/providers/catalog.ts";

describe("a model that is not there", () => {
  it.each([
    ["a letter too few", "openai/gpt-6-so", "openai/gpt-6-sol"],
    ["another provider", "azure/gpt-6-sol", "openai/gpt-6-sol"],
    ["a snapshot's date", "gpt-6-sol-2026-09-22", "openai/gpt-6-sol"],
    ["other letters", "GPT-6-Sol", "openai/gpt-6-sol"],
    ["an embedding model's version", "text-embedding-2-small", "openai/text-embedding-3-small"],
  ])("is answered with the one that is meant: %s", (_how, asked, near) => {
    const { message, code, param } = modelNotFound(asked, "model", catalog);
    expect(message).toContain(`Did you mean ${near}?`);
    expect({ code, param }).toEqual({ code: "model_not_found", param: "model" });
  });

  it.each(["gpt-4o", "llama-3.3-70b-versatile", "x", "", "a".repeat(256)])("is not guessed at: %j", (asked) => {
    expect(modelNotFound(asked, "model", catalog).message).not.toContain("Did you mean");
  });

  it("is never answered with one that may not be used", () => {
    expect(modelNotFound("openai/gpt-6-so", "model", []).message).not.toContain("gpt-6-sol");
  });
});
