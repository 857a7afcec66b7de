import { median } from "./summary.ts";

/** The stages that stage-worker.ts can run by themselves. */
export type StageName =
  | "parse"
  | "authenticate"
  | "trace"
  | "screen_input"
  | "route"
  | "admit"
  | "settle"
  | "fetch_provider"
  | "call_provider"
  | "check_output"
  | "filter_stream"
  | "hash_output"
  | "keep_content"
  | "content_key";

export interface StageCost {
  label: string;
  costUs: number;
  when: "before the answer" | "after the answer" | "in streams instead";
}

const rounds = 5;
const pureTimes = 2_000;
const hopTimes = 200;

/** Times each stage inside workerd, from outside: (many runs − none) ÷ runs, the median of a few rounds. */
export async function measureStages({ url, key }: { url: string; key: string }): Promise<StageCost[]> {
  const cost = (name: StageName, times: number) => measureStage({ url, key, name, times });
  const parse = await cost("parse", pureTimes);
  const authenticate = await cost("authenticate", pureTimes);
  const trace = await cost("trace", pureTimes);
  const screen = await cost("screen_input", pureTimes);
  const route = await cost("route", pureTimes);
  // The holds that the first admits are what the second settles.
  const admit = await cost("admit", hopTimes);
  const settle = await cost("settle", hopTimes);
  const fetchProvider = await cost("fetch_provider", hopTimes);
  const callProvider = await cost("call_provider", hopTimes);
  const checkOutput = await cost("check_output", pureTimes);
  const filterStream = await cost("filter_stream", pureTimes);
  const hash = await cost("hash_output", pureTimes);
  const keep = (await cost("keep_content", hopTimes)) - (await cost("content_key", hopTimes));
  return [
    { label: "parse and check the body (zod)", costUs: parse, when: "before the answer" },
    { label: "authenticate: key and subject HMAC", costUs: authenticate, when: "before the answer" },
    { label: "trace: ids, three spans, the row", costUs: trace, when: "before the answer" },
    { label: "guardrails on the input", costUs: screen, when: "before the answer" },
    { label: "count tokens and route", costUs: route, when: "before the answer" },
    { label: "admit: hop to the meter, one SQLite write", costUs: admit, when: "before the answer" },
    { label: "the provider, fetched and read", costUs: fetchProvider, when: "before the answer" },
    {
      label: "convert and check around it (openai, zod)",
      costUs: callProvider - fetchProvider,
      when: "before the answer",
    },
    { label: "guardrails on the output", costUs: checkOutput, when: "before the answer" },
    { label: "hash the output (twice)", costUs: 2 * hash, when: "before the answer" },
    { label: "settle: hop to the meter, four SQLite writes", costUs: settle, when: "after the answer" },
    { label: "keep the content: AES-GCM, one put", costUs: keep, when: "after the answer" },
    { label: "guardrails on a stream of 21 chunks", costUs: filterStream, when: "in streams instead" },
  ];
}

async function measureStage(stage: { url: string; key: string; name: StageName; times: number }): Promise<number> {
  await runStage(stage);
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const many = await runStage(stage);
    const none = await runStage({ ...stage, times: 0 });
    costs.push(((many - none) / stage.times) * 1000);
  }
  return Math.max(0, median(costs));
}

async function runStage({
  url,
  key,
  name,
  times,
}: {
  url: string;
  key: string;
  name: StageName;
  times: number;
}): Promise<number> {
  const startMs = performance.now();
  const response = await fetch(`${url}/stage?${new URLSearchParams({ name, times: String(times), key })}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`the stage ${name} answered ${response.status}: ${text.slice(0, 300)}`);
  return performance.now() - startMs;
}
