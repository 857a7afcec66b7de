import type { TextGenerationInputs } from "./ai-inputs.ts";

/** Workers AI's default; its text models stop there unless told otherwise. */
const defaultMaxTokens = 256;

/** Text generation inputs as the body of an OpenAI chat completion. */
export function toChatBody(
  model: string,
  inputs: TextGenerationInputs,
): { max_tokens: number } & Record<string, unknown> {
  const { tools, response_format: format, max_tokens, max_completion_tokens, ...rest } = inputs;
  const { prompt, ...fields } = "prompt" in rest ? rest : { ...rest, prompt: undefined };
  return {
    ...fields,
    model,
    ...(prompt !== undefined && { messages: [{ role: "user", content: prompt }] }),
    max_tokens: max_tokens ?? max_completion_tokens ?? defaultMaxTokens,
    ...(inputs.temperature !== undefined && { temperature: Math.min(inputs.temperature, 2) }),
    ...(inputs.top_p !== undefined && { top_p: Math.min(inputs.top_p, 1) }),
    ...(inputs.stream && { stream_options: { include_usage: true } }),
    ...(tools &&
      tools.length > 0 && {
        tools: tools.map((tool) => ("function" in tool ? tool : { type: "function", function: tool })),
      }),
    ...(format && { response_format: toOpenAIFormat(format) }),
  };
}

function toOpenAIFormat(format: NonNullable<TextGenerationInputs["response_format"]>): object {
  if (format.type !== "json_schema") return format;
  const given = format.json_schema;
  const isWrapped = typeof given["schema"] === "object" && given["schema"] !== null;
  return {
    type: "json_schema",
    json_schema: isWrapped ? { name: "answer", ...given } : { name: "answer", schema: given },
  };
}
