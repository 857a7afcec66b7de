import type { ChatMessage, ChatRequest, ThinkingBlock } from "../../core/chat.ts";
import type { ModelCard } from "../../core/model.ts";
import { effortOf } from "../../core/reasoning-effort.ts";
import { openaiReasoningIn } from "../../core/sealed-reasoning.ts";

type Item = Record<string, unknown>;

/**
 * The body of a response. What a caller may set and this leaves out, on purpose:
 * - `parapet`: ours, never the provider's.
 * - `user`, `safety_identifier`: who asks stays in Parapet, whose audit log answers that question.
 * - `metadata`, `store`: Parapet keeps content, under its own retention; OpenAI is told to keep none.
 * - `service_tier`: other tiers have other prices than the one the request was admitted at.
 * - `cache_control`: OpenAI finds prefixes worth caching by itself.
 * - `temperature`, `top_p` while a model reasons: it answers them with a 400, and a caller of `auto` cannot know which model will answer.
 */
export function convertResponsesRequest(request: ChatRequest, card: ModelCard): Record<string, unknown> {
  const canReason = card.capabilities.includes("reasoning");
  const effort = canReason ? effortOf(request) : undefined;
  const isReasoning = canReason && effort !== "none";
  const asksLogprobs = request.logprobs === true;
  return withoutAbsent({
    model: card.name,
    input: request.messages.flatMap((message) => convertMessage(message)),
    ...(request.stream === true ? { stream: true, stream_options: { include_obfuscation: false } } : {}),
    store: false,
    // Models that cannot reason refuse to be asked for their reasoning.
    include: [
      ...(canReason ? ["reasoning.encrypted_content"] : []),
      ...(asksLogprobs ? ["message.output_text.logprobs"] : []),
    ],
    max_output_tokens: request.max_completion_tokens ?? request.max_tokens,
    ...(isReasoning ? {} : { temperature: request.temperature, top_p: request.top_p }),
    top_logprobs: asksLogprobs ? request.top_logprobs : undefined,
    tools: request.tools?.map(({ function: { name, description, parameters, strict } }) =>
      withoutAbsent({
        type: "function",
        name,
        description,
        parameters: parameters ?? { type: "object", properties: {} },
        // Absent means strict here and loose in chat completions, whose words these are.
        strict: strict ?? false,
      }),
    ),
    tool_choice: request.tools && toolChoice(request),
    parallel_tool_calls: request.tools && request.parallel_tool_calls,
    text: textConfig(request),
    reasoning: canReason ? reasoningConfig(request, effort) : undefined,
    service_tier: "default",
    prompt_cache_key: request.prompt_cache_key,
    prompt_cache_retention: request.prompt_cache_retention,
    prompt_cache_options: request.prompt_cache_options,
  });
}

function convertMessage(message: ChatMessage): Item[] {
  switch (message.role) {
    case "system":
    case "developer":
      return [{ type: "message", role: message.role, content: texts(message.content) }];
    case "user":
      return [{ type: "message", role: "user", content: userContent(message.content) }];
    case "tool":
      return [{ type: "function_call_output", call_id: message.tool_call_id, output: texts(message.content) }];
    case "assistant": {
      const said = [message.content, message.refusal].flatMap((content) =>
        content === null || content === undefined ? [] : [texts(content)],
      );
      const text = said.filter((part) => part !== "").join("\n");
      const calls = (message.tool_calls ?? []).map((call) => ({
        type: "function_call",
        call_id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
      }));
      return [
        ...reasoningItems(message.thinking_blocks ?? []),
        ...(text === "" ? [] : [{ type: "message", role: "assistant", content: text }]),
        ...calls,
      ];
    }
  }
}

/** What OpenAI encrypted, with its summary where that came right before. Others' thinking cannot be read there. */
function reasoningItems(blocks: readonly ThinkingBlock[]): Item[] {
  return blocks.flatMap((block, index) => {
    const encrypted = openaiReasoningIn(block);
    if (encrypted === null) return [];
    const before = blocks[index - 1];
    const isSummary = before?.type === "thinking" && before.signature === undefined;
    const summary = isSummary ? [{ type: "summary_text", text: before.thinking }] : [];
    return [{ type: "reasoning", summary, encrypted_content: encrypted }];
  });
}

function texts(content: string | { type: string; text?: string; refusal?: string }[]): string {
  if (typeof content === "string") return content;
  return content.map((part) => part.text ?? part.refusal ?? "").join("\n");
}

function userContent(content: Extract<ChatMessage, { role: "user" }>["content"]): string | Item[] {
  if (typeof content === "string") return content;
  return content.flatMap((part): Item[] => {
    switch (part.type) {
      case "text":
        return [{ type: "input_text", text: part.text }];
      case "image_url":
        return [{ type: "input_image", image_url: part.image_url.url, detail: part.image_url.detail ?? "auto" }];
      case "file":
        return [{ type: "input_file", filename: part.file.filename ?? "file.pdf", file_data: part.file.file_data }];
      case "input_audio":
        // chooseEndpoint sends audio to chat completions.
        return [];
    }
  });
}

function toolChoice({ tool_choice: choice }: ChatRequest): unknown {
  if (typeof choice !== "object") return choice;
  if (choice.type === "function") return { type: "function", name: choice.function.name };
  const { mode, tools } = choice.allowed_tools;
  return { type: "allowed_tools", mode, tools: tools.map((tool) => ({ type: "function", name: tool.function.name })) };
}

function textConfig({ response_format: format, verbosity }: ChatRequest): Item | undefined {
  const config = withoutAbsent({
    format:
      format?.type === "json_schema"
        ? withoutAbsent({
            type: "json_schema",
            name: format.json_schema.name,
            description: format.json_schema.description,
            schema: format.json_schema.schema ?? {},
            strict: format.json_schema.strict ?? false,
          })
        : format,
    verbosity,
  });
  return Object.keys(config).length === 0 ? undefined : config;
}

/** A summary is asked for only where the caller wants to see thinking: OpenAI gives none to organizations it has not verified. */
function reasoningConfig({ thinking }: ChatRequest, effort: ChatRequest["reasoning_effort"]): Item | undefined {
  const wantsSummary =
    thinking?.type === "enabled"
      ? thinking.display !== "omitted"
      : thinking?.type === "adaptive" && thinking.display === "summarized";
  const config = withoutAbsent({ effort, summary: wantsSummary && effort !== "none" ? "auto" : undefined });
  return Object.keys(config).length === 0 ? undefined : config;
}

function withoutAbsent(body: Item): Item {
  return Object.fromEntries(
    Object.entries(body).filter(
      ([key, value]) =>
        value !== undefined && value !== null && !(key === "include" && Array.isArray(value) && value.length === 0),
    ),
  );
}
