import { z } from "zod";
import type { TokenUsage } from "../../core/money.ts";

/** The Messages API's answers, as far as the gateway carries them. Blocks and events it does not know are passed over. */

/** No call has a thousandth of the most: what is above is no count, and would break the sums of the ledger. */
const count = z.int().min(0).max(1_000_000_000);

const wireUsage = z.object({
  input_tokens: count.nullish(),
  cache_creation_input_tokens: count.nullish(),
  cache_read_input_tokens: count.nullish(),
  cache_creation: z.object({ ephemeral_1h_input_tokens: count.nullish() }).nullish(),
  output_tokens: count.nullish(),
  output_tokens_details: z.object({ thinking_tokens: count.nullish() }).nullish(),
});
export type WireUsage = z.infer<typeof wireUsage>;

/** A usage nobody can read is as good as none: the gateway counts for itself then. */
const usage = wireUsage.nullish().catch(null);

const stopDetails = z.object({ explanation: z.string().nullish() }).nullish().catch(null);

const block = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("thinking"), thinking: z.string(), signature: z.string().nullish() }),
  z.object({ type: z.literal("redacted_thinking"), data: z.string() }),
  z.object({ type: z.literal("tool_use"), id: z.string().min(1), name: z.string().min(1), input: z.unknown() }),
]);
export type WireBlock = z.infer<typeof block>;
const knownBlocks = new Set<string>(block.options.map((option) => option.shape.type.value));
const unknownBlock = z.object({ type: z.string().refine((type) => !knownBlocks.has(type)) }).transform(() => null);

export const message = z.object({
  id: z.string().nullish(),
  model: z.string().nullish(),
  content: z.array(z.union([block, unknownBlock])),
  stop_reason: z.string(),
  stop_sequence: z.string().nullish(),
  stop_details: stopDetails,
  usage,
});
export type WireMessage = z.infer<typeof message>;

const index = z.int().min(0);

const delta = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text_delta"), text: z.string() }),
  z.object({ type: z.literal("input_json_delta"), partial_json: z.string() }),
  z.object({ type: z.literal("thinking_delta"), thinking: z.string() }),
  z.object({ type: z.literal("signature_delta"), signature: z.string() }),
]);
const knownDeltas = new Set<string>(delta.options.map((option) => option.shape.type.value));
const unknownDelta = z.object({ type: z.string().refine((type) => !knownDeltas.has(type)) }).transform(() => null);

export const streamEvent = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("message_start"),
    message: z.object({ id: z.string().nullish(), model: z.string().nullish(), usage }),
  }),
  z.object({ type: z.literal("content_block_start"), index, content_block: z.union([block, unknownBlock]) }),
  z.object({ type: z.literal("content_block_delta"), index, delta: z.union([delta, unknownDelta]) }),
  z.object({ type: z.literal("content_block_stop"), index }),
  z.object({
    type: z.literal("message_delta"),
    delta: z.object({
      stop_reason: z.string().nullish(),
      stop_sequence: z.string().nullish(),
      stop_details: stopDetails,
    }),
    usage,
  }),
  z.object({ type: z.literal("message_stop") }),
]);
export type WireEvent = z.infer<typeof streamEvent>;
export const knownEvents = new Set<string>(streamEvent.options.map((option) => option.shape.type.value));

export const wireError = z.object({
  type: z.string().nullish().catch(null),
  message: z.string().nullish().catch(null),
});
export type WireError = z.infer<typeof wireError>;

/** The error in a body or event that holds one in place of an answer, or `null`. */
export function findError(body: unknown): WireError | null {
  if (body === null || typeof body !== "object" || !("error" in body) || !body.error) return null;
  if (typeof body.error === "string") return { message: body.error };
  const parsed = wireError.safeParse(body.error);
  return parsed.success ? parsed.data : {};
}

/** A stream counts anew as it goes, each time in total: what is not said again still holds. */
export function mergeUsage(before: WireUsage | null, now: WireUsage | null | undefined): WireUsage | null {
  if (!now) return before;
  const said = Object.entries(now).filter(([, value]) => value !== null && value !== undefined);
  return { ...before, ...Object.fromEntries(said) };
}

/** Anthropic counts read, written and other prompt tokens apart; ours is their sum, with its parts. */
export function toTokenUsage(wire: WireUsage): TokenUsage {
  const cached = wire.cache_read_input_tokens ?? 0;
  const written = wire.cache_creation_input_tokens ?? 0;
  const writtenLong = Math.min(wire.cache_creation?.ephemeral_1h_input_tokens ?? 0, written);
  return {
    inputTokens: (wire.input_tokens ?? 0) + cached + written,
    cachedInputTokens: cached,
    ...(written > 0 ? { cacheWriteInputTokens: written } : {}),
    ...(writtenLong > 0 ? { longCacheWriteInputTokens: writtenLong } : {}),
    outputTokens: wire.output_tokens ?? 0,
    reasoningTokens: wire.output_tokens_details?.thinking_tokens ?? 0,
    estimated: false,
  };
}
