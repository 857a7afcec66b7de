import { z } from "zod";

/** One expectation of a case. All of a case's expectations must hold. */
const expectation = z.discriminatedUnion("judge", [
  z.strictObject({ judge: z.literal("contains"), any: z.array(z.string().min(1)).min(1) }),
  z.strictObject({ judge: z.literal("regex"), pattern: z.string().min(1), flags: z.string().default("") }),
  z.strictObject({ judge: z.literal("cites"), document: z.string().min(1) }),
  z.strictObject({ judge: z.literal("grounding"), is: z.enum(["grounded", "insufficient_evidence", "none"]) }),
  /** `rule` is a rule id or a group of rules, e.g. `injection`. */
  z.strictObject({ judge: z.literal("refused"), rule: z.string().min(1) }),
  z.strictObject({ judge: z.literal("redacted"), rule: z.string().min(1) }),
]);
export type Expectation = z.infer<typeof expectation>;

const evalCase = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,64}$/),
  input: z.string().min(1),
  expected: z.array(expectation).min(1),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()),
});
export type EvalCase = z.infer<typeof evalCase>;

const suiteHead = z.strictObject({
  name: z.string(),
  description: z.string(),
  target: z.strictObject({
    kind: z.literal("chat"),
    collection: z.string(),
    documents: z.string(),
    model: z.string(),
    max_completion_tokens: z.int().min(1),
    prompt: z.string(),
  }),
  judges: z.array(z.string()),
  gate: z.strictObject({ rate: z.number().min(0).max(1), tags: z.record(z.string(), z.number().min(0).max(1)) }),
});

export interface EvalDocument {
  name: string;
  text: string;
}

export interface Suite extends z.infer<typeof suiteHead> {
  cases: EvalCase[];
  documents: EvalDocument[];
}

/** Parses a suite's files; two cases with one id, or a judge the suite does not list, are errors. */
export function parseSuite(files: { head: unknown; cases: string; documents: EvalDocument[] }): Suite {
  const head = suiteHead.parse(files.head);
  const lines = files.cases.split("\n").filter((line) => line.trim() !== "");
  const cases = lines.map((line) => evalCase.parse(JSON.parse(line)));
  const ids = new Set(cases.map((item) => item.id));
  if (ids.size !== cases.length) throw new Error(`suite ${head.name}: two cases have the same id`);
  const foreign = cases.flatMap((item) => item.expected).find(({ judge }) => !head.judges.includes(judge));
  if (foreign !== undefined) throw new Error(`suite ${head.name}: the judge ${foreign.judge} is not listed`);
  return { ...head, cases, documents: files.documents };
}
