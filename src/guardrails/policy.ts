import { z } from "zod";

const handling = z.enum(["refuse", "redact", "off"]);
const host = z
  .string()
  .regex(/^(?:\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*)$/, "must be a host name, *.name or *, in lower case");

const dataGroups = {
  /** API keys, tokens, private keys, passwords that are assigned to a name. */
  secrets: handling.default("redact"),
  /** Card numbers and IBANs. */
  financial: handling.default("redact"),
  /** SSN, NPI, NHS number, NIF and NIE. */
  government_ids: handling.default("redact"),
  // Contact data is what many applications exist to handle; a deployment that may not pass it on says so.
  email: handling.default("off"),
  phone: handling.default("off"),
  ip: handling.default("off"),
};

/** What each group of rules leads to. Everything has a default, so `guardrailPolicy.parse({})` is the default policy. */
export const guardrailPolicy = z
  .strictObject({
    input: z
      .strictObject({
        injection: z.enum(["refuse", "review", "off"]).default("refuse"),
        ...dataGroups,
      })
      .prefault({}),
    output: z
      .strictObject({
        ...dataGroups,
        /** Addresses that no allowlist has and nobody mentioned: taken out, or left. */
        links: z.enum(["neutralise", "off"]).default("neutralise"),
        images: z.enum(["neutralise", "off"]).default("neutralise"),
      })
      .prefault({}),
    /** Hosts an answer may link to: `example.com`, `*.example.com` (everything below it), `*`. */
    link_hosts: z.array(host).default([]),
    /** Hosts an answer may show images from. */
    image_hosts: z.array(host).default([]),
    /** From this injection score on, a request is refused and a retrieved text dropped. */
    refuse_at: z.number().min(0).max(1).default(0.75),
    /** From this score on, the verdict says `review`: the grey zone. */
    review_at: z.number().min(0).max(1).default(0.45),
    /** Whether a request goes on when a check breaks. */
    on_malfunction: z.enum(["closed", "open"]).default("closed"),
  })
  .meta({ id: "GuardrailPolicy" });
export type GuardrailPolicy = z.infer<typeof guardrailPolicy>;
