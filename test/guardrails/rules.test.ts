import { describe, expect, it } from "vitest";
import { extractUrls, hostOf } from "../../src/guardrails/url-policy.ts";
import { guardrailPolicy } from "../../src/guardrails/policy.ts";
import { dataRules, outputRules } from "../../src/guardrails/redaction.ts";
import { redactText } from "../../src/guardrails/stream-filter.ts";
import { dataFixtures, innocentTexts, linkFixtures, linkHosts, mentionedUrls } from "./fixtures.ts";

const policy = guardrailPolicy.parse({
  link_hosts: linkHosts,
  output: { email: "redact", phone: "redact", ip: "redact" },
});
const rules = dataRules(policy.output, []);

describe("rules for sensitive data", () => {
  it.each(dataFixtures)("$rule takes $text", ({ rule, text, expected }) => {
    const result = redactText(text, { rules });
    expect(result.text).toBe(expected);
    expect([...result.counts.keys()]).toEqual([rule]);
  });

  it.each(innocentTexts)("leave %j alone", (text) => {
    expect(redactText(text, { rules }).text).toBe(text);
  });

  it("find a token behind an escaped line break", () => {
    expect(redactText("a\\nAKIAIOSFODNN7EXAMPLE", { rules }).text).toBe("a\\n[SECRET]");
  });

  it("pass mail, phone and addresses by default", () => {
    const byDefault = dataRules(guardrailPolicy.parse({}).output, []);
    const text = "ana@example.org, +49 30 901820, 192.168.1.20";
    expect(redactText(text, { rules: byDefault }).text).toBe(text);
  });
});

describe("rules for links and images", () => {
  it.each(linkFixtures)("$name", ({ text, expected }) => {
    const all = [...outputRules(policy, mentionedUrls), ...dataRules(guardrailPolicy.parse({}).output, [])];
    expect(redactText(text, { rules: all }).text).toBe(expected);
  });

  it("keep an image of an allowed image host only", () => {
    const images = outputRules(guardrailPolicy.parse({ image_hosts: ["cdn.test"], link_hosts: ["*"] }), []);
    const text = "![a](https://cdn.test/a.png) ![b](https://x.test/a.png) ![c](http://cdn.test/a.png) ![d][e]";
    expect(redactText(text, { rules: images }).text).toBe(
      "![a](https://cdn.test/a.png) ! [b](https://x.test/a.png) ! [c](http://cdn.test/a.png) ! [d][e]",
    );
  });

  it("are off when the policy says so", () => {
    expect(outputRules(guardrailPolicy.parse({ output: { links: "off", images: "off" } }), [])).toEqual([]);
  });

  it("read the addresses of a text without the punctuation around them", () => {
    expect(extractUrls("See (https://a.test/x?y=1), <http://b.test> or www.c.test.")).toEqual([
      "https://a.test/x?y=1",
      "http://b.test",
      "www.c.test",
    ]);
  });

  it.each([
    ["EXAMPLE.test:8080", "example.test"],
    ["example.test.", "example.test"],
    ["ex%61mple.test", "example.test"],
    ["user@example.test", null],
    ["a b", null],
    ["%", null],
  ])("read the host of %j as %j", (authority, host) => {
    expect(hostOf(authority)).toBe(host);
  });
});
