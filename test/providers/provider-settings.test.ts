import { describe, expect, it } from "vitest";
import { parseProviders } from "../../src/providers/provider-settings.ts";

const groq = {
  name: "groq",
  baseUrl: "https://api.groq.com/openai/v1",
  apiKeySecret: "GROQ_API_KEY",
  models: [
    {
      name: "llama",
      kind: "chat",
      tier: "fast",
      contextWindow: 131072,
      maxOutputTokens: 32768,
      capabilities: ["tools"],
      price: { inputUsdPerMillion: 0.59, cachedInputUsdPerMillion: 0.295, outputUsdPerMillion: 0.79 },
    },
  ],
};

describe("PARAPET_PROVIDERS", () => {
  it.each([undefined, "", "  "])("is an empty list when it is %j", (setting) => {
    expect(parseProviders(setting)).toEqual([]);
  });

  it("gives cards with prices in whole pico-USD", () => {
    expect(parseProviders(JSON.stringify([groq]))).toMatchObject([
      {
        name: "groq",
        endpoint: {
          baseUrl: "https://api.groq.com/openai/v1",
          dialect: "compatible",
          apiKeySecret: "GROQ_API_KEY",
        },
        cards: [
          {
            id: "groq/llama",
            tier: "fast",
            staysAtEdge: false,
            price: { inputPico: 590_000, cachedInputPico: 295_000, outputPico: 790_000, source: "PARAPET_PROVIDERS" },
          },
        ],
      },
    ]);
  });

  it("keeps an unknown price unknown", () => {
    const model = { ...groq.models[0], price: null };
    expect(parseProviders(JSON.stringify([{ ...groq, models: [model] }]))[0]?.cards[0]?.price).toBeNull();
  });

  it.each(["openai", "anthropic", "google"])("adds models to %s, which is called as it is", (name) => {
    const [more] = parseProviders(JSON.stringify([{ name, models: groq.models }]));
    expect(more).toMatchObject({ name, endpoint: null, cards: [{ id: `${name}/llama`, provider: name }] });
  });

  it.each([
    ["no JSON", "{", "not valid JSON"],
    ["no list", "{}", "the list"],
    [
      "a missing price",
      JSON.stringify([{ ...groq, models: [{ ...groq.models[0], price: undefined }] }]),
      "models.0.price",
    ],
    ["a field nobody knows", JSON.stringify([{ ...groq, apiKey: "sk" }]), "apiKey"],
    ["a built-in name", JSON.stringify([{ ...groq, name: "openai" }]), "0.name is the name of a built-in provider"],
    [
      "a key for a built-in provider",
      JSON.stringify([{ name: "openai", apiKeySecret: "KEY", models: groq.models }]),
      "0.name is the name of a built-in provider",
    ],
    ["a built-in name that is closed", JSON.stringify([{ name: "local", models: groq.models }]), "0.name"],
    ["no address", JSON.stringify([{ ...groq, baseUrl: undefined }]), "0.baseUrl must be there"],
    ["a name used twice", JSON.stringify([groq, groq]), "named twice"],
    ["a file for a host", JSON.stringify([{ ...groq, baseUrl: "file:///etc/passwd" }]), "0.baseUrl"],
  ])("says what is wrong with %s", (_what, setting, words) => {
    expect(() => parseProviders(setting)).toThrow(words);
  });
});
