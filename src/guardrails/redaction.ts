/** Which rules a policy switches on, and what their findings lead to. */
import type { VerdictAction } from "../core/verdict.ts";
import { exfiltrationRules } from "./exfiltration.ts";
import { piiRules } from "./pii.ts";
import type { GuardrailPolicy } from "./policy.ts";
import { secretRules } from "./secrets.ts";
import type { RuleGroup, SpanRule } from "./span-rule.ts";
import { createUrlPolicy } from "./url-policy.ts";

type Handling = "refuse" | "redact" | "off";
type DataHandling = Pick<
  GuardrailPolicy["input"],
  "secrets" | "financial" | "government_ids" | "email" | "phone" | "ip"
>;

function handlingOf(group: RuleGroup, policy: DataHandling): Handling {
  if (group === "links" || group === "images" || group === "terms") return "redact";
  return policy[group];
}

/** Rules for sensitive data that are not off, with those the deployment adds. */
export function dataRules(policy: DataHandling, extraRules: readonly SpanRule[]): SpanRule[] {
  return [...secretRules, ...piiRules, ...extraRules].filter((rule) => handlingOf(rule.group, policy) !== "off");
}

/** Rules for an answer: links and images first, since an address that goes takes what is in it along. */
export function outputRules(policy: GuardrailPolicy, allowedUrls: readonly string[]): SpanRule[] {
  const { links, images } = policy.output;
  return exfiltrationRules({
    links: links === "off" ? null : createUrlPolicy(policy.link_hosts, allowedUrls),
    images: images === "off" ? null : createUrlPolicy(policy.image_hosts, []),
    hasImageHosts: policy.image_hosts.length > 0,
  });
}

/** Finds addresses, written out, of hosts an answer may not point to. */
export function addressRules(policy: GuardrailPolicy, allowedUrls: readonly string[]): SpanRule[] {
  return outputRules(policy, allowedUrls).filter((rule) => rule.id === "exfiltration.url");
}

/** What the findings of some rules lead to. */
export function actionFor(
  counts: ReadonlyMap<string, number>,
  rules: readonly SpanRule[],
  policy: DataHandling,
): VerdictAction {
  const found = rules.filter((rule) => counts.has(rule.id));
  if (found.some((rule) => handlingOf(rule.group, policy) === "refuse")) return "refuse";
  return found.length > 0 ? "redact" : "pass";
}
