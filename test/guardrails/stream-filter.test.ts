import { describe, expect, it } from "vitest";
import { guardrailPolicy } from "../../src/guardrails/policy.ts";
import { dataRules, outputRules } from "../../src/guardrails/redaction.ts";
import { termRule } from "../../src/guardrails/secrets.ts";
import { needMore } from "../../src/guardrails/span-rule.ts";
import type { SpanRule } from "../../src/guardrails/span-rule.ts";
import { createStreamFilter, maxHoldBack, redactText } from "../../src/guardrails/stream-filter.ts";
import { dataFixtures, innocentTexts, linkFixtures, linkHosts, mentionedUrls } from "./fixtures.ts";

const policy = guardrailPolicy.parse({
  link_hosts: linkHosts,
  output: { email: "redact", phone: "redact", ip: "redact" },
});
const rules = [
  ...outputRules(policy, mentionedUrls),
  ...dataRules(policy.output, [termRule("terms.canary", "CANARY-7f3a")]),
];
const texts = [
  ...dataFixtures.map(({ text }) => text),
  ...linkFixtures.map(({ text }) => text),
  ...innocentTexts,
  "the canary is CANARY-7f3a\u{1f600}\u{1f468}\u200d\u{1f469} and 𝟒𝟏𝟏𝟏 1111 1111 1111 \ud83d",
];

function redactInPieces(pieces: readonly string[]): string {
  const filter = createStreamFilter({ rules });
  return pieces.map((piece) => filter.push(piece)).join("") + filter.flush();
}

/** A small seeded generator, so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("a stream filter", () => {
  it.each(texts)("gives the same for every place the text is cut: %j", (text) => {
    const whole = redactText(text, { rules }).text;
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(redactInPieces([text.slice(0, cut), text.slice(cut)]), `cut at ${cut}`).toBe(whole);
    }
    expect(redactInPieces([...text])).toBe(whole);
    expect(redactInPieces(text.split(""))).toBe(whole);
  });

  it("gives the same for random cuts of long texts", () => {
    const random = createRandom(42);
    for (let round = 0; round < 200; round += 1) {
      const text = Array.from({ length: 12 }, () => texts[Math.floor(random() * texts.length)]).join(
        random() < 0.5 ? " " : "\n",
      );
      const pieces: string[] = [];
      for (let start = 0; start < text.length;) {
        const end = start + 1 + Math.floor(random() * 30);
        pieces.push(text.slice(start, end));
        start = end;
      }
      expect(redactInPieces(pieces)).toBe(redactText(text, { rules }).text);
    }
  });

  it.each(texts)("never takes back what has left, and holds no more than the bound: %j", (text) => {
    const whole = redactText(text, { rules }).text;
    const filter = createStreamFilter({ rules });
    let sent = "";
    for (const unit of text.split("")) {
      sent += filter.push(unit);
      expect(whole.startsWith(sent)).toBe(true);
      expect(filter.heldLength).toBeLessThanOrEqual(maxHoldBack(rules) + 8);
    }
  });

  it("lets ordinary prose through without waiting", () => {
    const prose = "The warranty covers the frame for five years, and parts for two. Ask for help in any shop.";
    const filter = createStreamFilter({
      rules: [...outputRules(policy, []), ...dataRules(guardrailPolicy.parse({}).output, [])],
    });
    let held = 0;
    for (const character of prose) {
      filter.push(character);
      held += filter.heldLength;
    }
    expect(held / prose.length).toBeLessThan(1);
  });

  it("swallows a private key of any length without holding it", () => {
    const filter = createStreamFilter({ rules });
    let output = filter.push(["-----BEGIN PRIVATE", " KEY-----\n"].join(""));
    for (let line = 0; line < 2000; line += 1) {
      output += filter.push("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n");
      expect(filter.heldLength).toBeLessThan(100);
    }
    output += filter.push(["-----END PRIVATE", " KEY-----\nafter"].join("")) + filter.flush();
    expect(output).toBe("[SECRET]\nafter");
  });
});

describe("the work of a filter on hostile text", () => {
  const hostile: [string, string][] = [
    ["digits", "4"],
    ["digits and blanks", "4111 "],
    ["colons", "a:1:"],
    ["dots", "1."],
    ["brackets", "!["],
    ["destinations", "]("],
    ["quotes after an equals sign", '="'],
    ["key prefixes", "sk-"],
    ["token heads", "eyJ"],
    ["dashes", "-----BEGIN "],
    ["schemes", "http://"],
    ["mail", "a@"],
    ["names without values", "password= "],
    ["blanks", " "],
    ["backslashes", "\\"],
    ["iban heads", "DE89 "],
    ["attributes", "=//"],
    ["entities after blanks", "= &"],
  ];

  it.each(hostile)("stays within a fixed number of looks at each character: %s", (_name, unit) => {
    let looks = 0;
    const counted = rules.map((rule): SpanRule => {
      return {
        ...rule,
        matchAt(text, at, ended) {
          const end = rule.matchAt(text, at, ended);
          looks += 1;
          return end;
        },
      };
    });
    const text = unit.repeat(Math.ceil(100_000 / unit.length));
    const filter = createStreamFilter({ rules: counted });
    filter.push(text);
    filter.flush();
    expect(looks).toBeLessThan(text.length * 12);
  });

  it("treats a rule that asks for more at the end as no match", () => {
    const greedy: SpanRule = { ...termRule("terms.greedy", "x"), matchAt: () => needMore };
    expect(redactText("axb", { rules: [greedy] }).text).toBe("axb");
  });
});
