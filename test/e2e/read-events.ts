import { z } from "zod";

const event = z.union([
  z.object({ error: z.object({ message: z.string(), code: z.string(), request_id: z.string() }) }),
  z.object({
    model: z.string(),
    choices: z.array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).loose(),
        finish_reason: z.string().nullable(),
      }),
    ),
    usage: z.unknown().optional(),
    parapet: z.unknown().optional(),
  }),
]);

export interface StreamedAnswer {
  text: string;
  finishReason: string | null;
  error: { message: string; code: string; request_id: string } | null;
  /** Whether `[DONE]` came. */
  isDone: boolean;
  parapet: unknown;
  raw: string;
}

/** Reads a chat stream as OpenAI's clients do, from its raw text. */
export function readEvents(raw: string): StreamedAnswer {
  const answer: StreamedAnswer = { text: "", finishReason: null, error: null, isDone: false, parapet: null, raw };
  for (const line of raw.split("\n").filter((text) => text.startsWith("data: "))) {
    const data = line.slice("data: ".length);
    if (data === "[DONE]") {
      answer.isDone = true;
      continue;
    }
    const value = event.parse(JSON.parse(data));
    if ("error" in value) {
      answer.error = value.error;
      continue;
    }
    const choice = value.choices[0];
    answer.text += choice?.delta.content ?? "";
    answer.finishReason = choice?.finish_reason ?? answer.finishReason;
    answer.parapet = value.parapet ?? answer.parapet;
  }
  return answer;
}
