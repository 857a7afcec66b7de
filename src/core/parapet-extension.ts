import { z } from "zod";

/** Names a report is grouped by: short, printable, and never content. */
export const label = z.string().regex(/^[\w .:/@-]{1,64}$/, "must be 1 to 64 letters, digits, spaces or . _ : / @ -");

/** What a caller may ask of Parapet beyond OpenAI's fields, under `parapet` in the body. */
export const parapetRequest = z
  .strictObject({
    collection: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe("Ground the answer in this collection (`col_…`) and cite it."),
    feature: label.optional().describe("The product feature that asks, for usage reports."),
    task: label.optional().describe("The kind of task, for usage reports."),
    agent: label.optional().describe("The agent that asks, for usage reports."),
    subject: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .describe("The end user on whose behalf the call runs. Needs the scope `act_as`."),
    sensitive: z
      .boolean()
      .optional()
      .describe("Only models that stay at the edge, or on this machine, may see the request."),
    fallbacks: z
      .array(z.string().min(1).max(256))
      .min(1)
      .max(4)
      .optional()
      .describe("Models (`provider/model`) to turn to, in this order, when the one named in `model` fails."),
    timeout_ms: z
      .int()
      .min(1)
      .optional()
      .describe("The request's deadline, all attempts together; at most the deployment's own."),
    latency_critical: z.boolean().optional().describe("Prefer the fast tier."),
    requires_reasoning: z.boolean().optional().describe("Prefer the reasoning tier."),
    cache: z
      .strictObject({
        mode: z.enum(["use", "refresh", "off"]).default("use").describe("`refresh` asks anew and keeps the answer."),
        ttl_ms: z
          .int()
          .min(1_000)
          .max(30 * 86_400_000)
          .optional(),
        shared: z
          .boolean()
          .optional()
          .describe("Share it with every caller who may read the same. By default an answer is its subject's own."),
      })
      .optional()
      .describe("Answer from an earlier, exactly equal request. Off unless asked for."),
    on_disconnect: z
      .enum(["abort", "drain"])
      .optional()
      .describe("What becomes of the model's call when the client leaves: ended, or finished and kept."),
    budget: z
      .strictObject({ max_cost_micros: z.int().min(0).describe("The most this request may cost, in micro-USD.") })
      .optional(),
  })
  .meta({ id: "ParapetRequest" });
export type ParapetRequest = z.infer<typeof parapetRequest>;

/** A citation, checked in code: the chunk was retrieved, the caller may read it, and `quote` is in the document at the span. */
export const citation = z
  .object({
    /** The number the answer's text carries in brackets. */
    index: z.int(),
    document_id: z.string(),
    document_title: z.string(),
    chunk_id: z.string(),
    start: z.int().describe("First character of the quote in the original document (UTF-16 code units)."),
    end: z.int().describe("One past the last character of the quote in the original document."),
    quote: z.string(),
  })
  .meta({ id: "Citation" });
export type Citation = z.infer<typeof citation>;

const verdictSummary = z.object({
  guardrail: z.string(),
  stage: z.enum(["input", "output", "retrieved"]),
  action: z.enum(["pass", "redact", "refuse", "review"]),
  rules: z.array(z.string()),
  redactions: z.int(),
});

/** What Parapet says of an answer, under `parapet` in the response (in a stream: in the chunk with the finish reason). */
export const parapetResponse = z
  .object({
    trace_id: z.string(),
    route: z.object({
      tier: z.enum(["fast", "standard", "reasoning"]).nullable(),
      model: z.string(),
      reason: z.string(),
      candidates: z.array(z.string()),
      attempts: z.array(z.object({ model: z.string(), outcome: z.string() })),
    }),
    cost_micros: z.int(),
    cache: z.enum(["hit", "miss", "none"]).describe("`none`: the cache had no part in it."),
    degraded: z.boolean(),
    generated: z.boolean().describe("False when the answer is extracted verbatim from the sources."),
    grounding: z.enum(["none", "grounded", "insufficient_evidence"]),
    citations: z.array(citation),
    /** Sentences that were removed because no source supported them. */
    unsupported_sentences: z.int(),
    guardrails: z.array(verdictSummary),
    latency_ms: z.int(),
  })
  .meta({ id: "ParapetResponse" });
export type ParapetResponse = z.infer<typeof parapetResponse>;
