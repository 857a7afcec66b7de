import { z } from "zod";

/** What Workers AI's text models take: the documented fields of `AiTextGenerationInput` this simulator carries. */

const part = z.looseObject({ type: z.string(), text: z.string().optional() });
const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content: z.union([z.string(), z.array(part)]).nullish(),
  name: z.string().optional(),
  tool_call_id: z.string().optional(),
  tool_calls: z.array(z.unknown()).optional(),
});

const functionDefinition = z.object({
  name: z.string(),
  description: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
});
/** Both spellings: OpenAI's `{type, function}` and Workers AI's older flat one. */
const tool = z.union([z.object({ type: z.literal("function"), function: functionDefinition }), functionDefinition]);

const responseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  // Workers AI's `json_schema` is the schema itself; OpenAI's is `{name, schema}`. Models take both.
  z.object({ type: z.literal("json_schema"), json_schema: z.record(z.string(), z.unknown()) }),
]);

const generation = {
  stream: z.boolean().optional(),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(5).optional(),
  top_p: z.number().min(0).max(2).optional(),
  seed: z.int().min(1).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  stop: z.union([z.string(), z.array(z.string())]).optional(),
  tools: z.array(tool).optional(),
  tool_choice: z.unknown().optional(),
  response_format: responseFormat.optional(),
};

const textGeneration = z.union([
  z.object({ messages: z.array(message).min(1), ...generation }),
  z.object({ prompt: z.string().min(1), ...generation }),
]);
export type TextGenerationInputs = z.infer<typeof textGeneration>;

/** The embedding models of Workers AI take at most so many texts in a call. */
const maxTexts = 100;
const text = z.string().min(1);
const textEmbedding = z.object({
  text: z.union([text, z.array(text).min(1).max(maxTexts)]),
  pooling: z.enum(["mean", "cls"]).optional(),
});

export type ParsedInputs =
  | { task: "generation"; inputs: TextGenerationInputs }
  | { task: "embedding"; texts: string[] };

/** Reads the inputs of `AI.run`, or says what is wrong with them the way Workers AI does. */
export function parseInputs(inputs: unknown): ParsedInputs | { problem: string } {
  if (typeof inputs === "object" && inputs !== null && "text" in inputs) {
    const parsed = textEmbedding.safeParse(inputs);
    if (!parsed.success) return { problem: describe(parsed.error) };
    return { task: "embedding", texts: [parsed.data.text].flat() };
  }
  const parsed = textGeneration.safeParse(inputs);
  if (parsed.success) return { task: "generation", inputs: parsed.data };
  if (typeof inputs !== "object" || inputs === null || !("messages" in inputs || "prompt" in inputs)) {
    return {
      problem:
        "oneOf at '/' not met, 0 matches: required properties at '/' are 'prompt', required properties at '/' are 'messages'",
    };
  }
  return { problem: describe(parsed.error) };
}

function describe(error: z.ZodError): string {
  // A union's own issue says nothing; its first branch with a path does.
  const branch = error.issues.flatMap((issue) => (issue.code === "invalid_union" ? issue.errors.flat() : [issue]));
  const issue = branch.find((candidate) => candidate.path.length > 0) ?? error.issues[0];
  return `${issue?.message ?? "wrong type"} at '/${issue?.path.join("/") ?? ""}'`;
}
