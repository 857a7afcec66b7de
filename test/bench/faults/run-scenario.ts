import { z } from "zod";
import { readEvents } from "../../e2e/read-events.ts";
import type { Expectation, Scenario } from "./scenarios.ts";

export interface Target {
  baseUrl: string;
  key: string;
}

/** What a client saw. */
export interface Outcome {
  status: number;
  text: string;
  /** `provider/model`, as the answer says. */
  model: string | null;
  /** The error's code, in a body or in the stream. */
  error: string | null;
  /** A finish reason came, and after a stream its `[DONE]`. */
  isComplete: boolean;
  attempts: string[];
  usage: { input: number; output: number } | null;
  costMicros: number | null;
  firstByteMs: number;
  totalMs: number;
}

const errorBody = z.object({ error: z.object({ code: z.string() }) });
const usage = z.object({ prompt_tokens: z.int(), completion_tokens: z.int() });
const parapet = z.object({
  cost_micros: z.int(),
  route: z.object({ model: z.string(), attempts: z.array(z.object({ model: z.string(), outcome: z.string() })) }),
});
const whole = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }), finish_reason: z.string() })),
  usage,
  parapet,
});

/** One request, from the client's side. */
export async function ask(
  { baseUrl, key }: Target,
  { models: [model, ...fallbacks], stream }: Pick<Scenario, "models" | "stream">,
  { headers = {} }: { headers?: Record<string, string> } = {},
): Promise<Outcome> {
  const startMs = performance.now();
  const response = await fetch(`${baseUrl}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({
      model: `scripted/${model}`,
      messages: [{ role: "user", content: "Count to sixty." }],
      max_completion_tokens: 200,
      stream,
      ...(fallbacks.length === 0 ? {} : { parapet: { fallbacks: fallbacks.map((name) => `scripted/${name}`) } }),
    }),
  });
  let firstByteMs = 0;
  let raw = "";
  const decoder = new TextDecoder();
  for await (const piece of response.body ?? []) {
    if (raw === "") firstByteMs = performance.now() - startMs;
    raw += decoder.decode(piece, { stream: true });
  }
  const outcome = response.headers.get("content-type")?.startsWith("text/event-stream")
    ? readStream(raw)
    : readWhole(JSON.parse(raw));
  return { ...outcome, status: response.status, firstByteMs, totalMs: performance.now() - startMs };
}

type Read = Omit<Outcome, "status" | "firstByteMs" | "totalMs">;

const nothing: Read = {
  text: "",
  model: null,
  error: null,
  isComplete: false,
  attempts: [],
  usage: null,
  costMicros: null,
};

function readStream(raw: string): Read {
  const events = readEvents(raw);
  const said = parapet.safeParse(events.parapet);
  return {
    ...nothing,
    text: events.text,
    error: events.error?.code ?? null,
    isComplete: events.isDone && events.finishReason !== null,
    ...(said.success ? readParapet(said.data) : {}),
  };
}

function readWhole(body: unknown): Read {
  const failed = errorBody.safeParse(body);
  if (failed.success) return { ...nothing, error: failed.data.error.code };
  const answer = whole.parse(body);
  return {
    ...nothing,
    text: answer.choices[0]?.message.content ?? "",
    isComplete: true,
    usage: { input: answer.usage.prompt_tokens, output: answer.usage.completion_tokens },
    ...readParapet(answer.parapet),
  };
}

function readParapet({ cost_micros: costMicros, route }: z.infer<typeof parapet>) {
  return { costMicros, model: route.model, attempts: route.attempts.map(({ outcome }) => outcome) };
}

/** What is wrong with an outcome, in words; empty when it is as it should be. */
export function judge(expected: Expectation, outcome: Outcome): string[] {
  const wrong: string[] = [];
  const check = (what: string, wanted: unknown, got: unknown) => {
    if (JSON.stringify(wanted) !== JSON.stringify(got))
      wrong.push(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
  };
  if (expected.kind === "error") {
    check("status", expected.status, outcome.status);
    check("error", expected.code, outcome.error);
    return wrong;
  }
  check("status", 200, outcome.status);
  check("error", null, outcome.error);
  check("complete", true, outcome.isComplete);
  check("text", expected.text, outcome.text);
  check("model", `scripted/${expected.model}`, outcome.model);
  check("attempts", expected.attempts, outcome.attempts);
  if (expected.usage !== undefined) check("usage", expected.usage, outcome.usage);
  return wrong;
}
