/** What the scripted provider does, chosen by the model's name. A name may end in `~anything`: same behaviour, own count. */

export interface ScriptedToolCall {
  id: string;
  name: string;
  arguments: string;
}

export interface ScriptedUsage {
  input: number;
  output: number;
  cached: number;
  cacheWrite: number;
  reasoning: number;
}

/** What the provider says is left of its own limit on requests. */
export interface ScriptedLimits {
  requests: number;
  resetMs: number;
}

/** Where an answer goes wrong once it has begun. */
export type Fault =
  | "hang"
  | "stall"
  | "cut"
  | "no-done"
  | "no-finish"
  | "half-frame"
  | "malformed-chunk"
  | "empty-stream"
  | "error-event"
  | "late-error";

export interface Answer {
  kind: "answer";
  pieces: string[];
  refusal: string | null;
  toolCalls: ScriptedToolCall[];
  /** What the model thinks before its answer. */
  thinking: string[];
  /** Whether each piece comes with how likely it was. */
  logprobs: boolean;
  finish: string;
  /** Which of the request's stop sequences ended it. */
  stopSequence: string | null;
  limits: ScriptedLimits | null;
  usage: ScriptedUsage | null;
  /** Before the headers. */
  delayMs: number;
  /** Between the headers and the first piece. */
  firstPieceMs: number;
  betweenMs: number;
  fault: Fault | null;
  /** How many pieces leave before the fault; where it matters to nobody, one or two. */
  faultAfter: number | null;
}

export interface Failure {
  kind: "failure";
  status: number;
  headers: Record<string, string>;
  error: { message: string; type: string; code: string | null; param?: string | null };
  /** The code with which Workers AI would say the same. */
  workersCode: number;
}

/** `reset`: the connection breaks before a byte of an answer. */
export type Script = Answer | Failure | Flood | { kind: "reset" } | { kind: "html" } | { kind: "redirect" };

/** A body of so many bytes that then neither goes on nor ends. */
export interface Flood {
  kind: "flood";
  status: number;
  bytes: number;
}

export interface ScriptContext {
  /** How often this model was asked before. */
  seen: number;
  /** The text of the last user message. */
  lastUserText: string;
  promptTokens: number;
  /** Since this model was asked for the first time. */
  sinceFirstMs: number;
  /** The conversation's last words where they are the assistant's own: what a prefill continues. */
  prefill: string | null;
  /** A tool has answered: the model may speak. */
  hasToolResult: boolean;
}

const greeting = ["Hello", " from", " the", " scripted", " provider."];
const longAnswer = "One two three four five six seven eight nine ten. ";
const card = "4111 1111 1111 1111";
// Put together here, so that no scanner takes this file for a leak.
const secret = ["sk", "proj", "Zx9Qw4Lp7Rt2Vb6Ny1Mk8Hs3Jd5Gf0Ac"].join("-");

const rateLimit = (headers: Record<string, string> = {}): Failure =>
  failure(429, 3040, "Rate limit reached", "rate_limit_exceeded", headers);

const faults: Readonly<Record<string, Fault>> = {
  hang: "hang",
  stall: "stall",
  "cut-mid-stream": "cut",
  "no-done": "no-done",
  "no-finish": "no-finish",
  "half-frame": "half-frame",
  "malformed-chunk": "malformed-chunk",
  "empty-stream": "empty-stream",
  "stream-error-event": "error-event",
  "stream-late-error": "late-error",
};

const failures: Readonly<Record<string, () => Failure>> = {
  "400": () => failure(400, 5006, "Invalid value for 'temperature'.", "invalid_value"),
  "400-context": () =>
    failure(400, 5021, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
  "400-content-filter": () => failure(400, 5006, "The response was filtered.", "content_filter"),
  "401": () => failure(401, 5018, "Incorrect API key provided: sk-inco****here.", "invalid_api_key"),
  "403": () => failure(403, 3041, "You are not allowed to use this model.", "permission_denied"),
  "404": () => failure(404, 5007, "The model does not exist.", "model_not_found"),
  "429": () => rateLimit(),
  "429-retry-after-1": () => rateLimit({ "retry-after": "1" }),
  "429-retry-after-ms": () => rateLimit({ "retry-after-ms": "250", "retry-after": "60" }),
  "429-retry-after-date": () => rateLimit({ "retry-after": new Date(Date.now() + 30_000).toUTCString() }),
  "500": () => failure(500, 3043, "The server had an error.", "server_error"),
  "529": () => failure(529, 3043, "Overloaded", "overloaded"),
  "503": () => failure(503, 3043, "The engine is overloaded.", "overloaded"),
};

/** The script of a model's next answer. Throws on a name it does not know: a misspelt test must not pass. */
export function scriptFor(model: string, context: ScriptContext): Script {
  const name = (model.split("/").at(-1) ?? model).split("~")[0] ?? model;
  // A vendor's own names say nothing: the user's words do, as in `do: tool-call`.
  if (name.startsWith("claude-")) return scriptFor(/^do: (\S+)/.exec(context.lastUserText)?.[1] ?? "ok", context);
  if (name === "html") return { kind: "html" };
  if (name === "redirect") return { kind: "redirect" };
  // A catalog's own names, for tests of a deployment as it is.
  if (name.startsWith("gemini-")) return answer(context, {});
  if (name === "reset") return { kind: "reset" };
  const fault = faults[name];
  if (fault !== undefined) return answer(context, { fault });
  const fails = failures[name];
  if (fails !== undefined) return fails();
  const once = /^(.+)-once$/.exec(name);
  if (once?.[1] !== undefined) return context.seen === 0 ? scriptFor(once[1], context) : answer(context, {});

  const [numbered, first, second] = /^([a-z-]+?)-(\d+)(?:-(\d+))?$/.exec(name)?.slice(1) ?? [];
  const count = Number(first ?? 0);
  if (numbered === "flood") return { kind: "flood", status: count, bytes: Number(second) * 1024 };
  if (numbered === "slow") return answer(context, { delayMs: count });
  if (numbered === "first-token") return answer(context, { firstPieceMs: count });
  if (numbered === "usage") {
    return answer(context, {
      usage: { input: count, output: Number(second ?? 0), cached: 0, cacheWrite: 0, reasoning: 0 },
    });
  }
  if (numbered === "long") {
    return answer(context, { pieces: Array.from({ length: count }, () => longAnswer), betweenMs: 20 });
  }
  if (numbered === "cut-at") return answer(context, { pieces: sixtyWords, fault: "cut", faultAfter: count });
  if (numbered === "stall-at") return answer(context, { pieces: sixtyWords, fault: "stall", faultAfter: count });
  if (numbered === "malformed-at")
    return answer(context, { pieces: sixtyWords, fault: "malformed-chunk", faultAfter: count });
  if (numbered === "flap")
    return context.sinceFirstMs < count ? scriptFor("503", context) : answer(context, { pieces: sixtyWords });
  if (numbered === "flaky") return Math.random() * 100 < count ? anyFailure(context) : continued(context);
  switch (name) {
    case "sixty":
      return continued(context);
    case "sixty-no-done":
      return answer(context, { pieces: sixtyWords, fault: "no-done" });
    case "sixty-no-prefill":
      return context.prefill === null
        ? continued(context)
        : failure(400, 5006, "This model does not support assistant message prefill.", "invalid_request_error");
    case "ok":
      return answer(context, {});
    case "no-usage":
      return answer(context, { usage: null });
    case "echo":
      return answer(context, { pieces: inPieces(context.lastUserText) });
    case "json":
      return answer(context, { pieces: ['{"answer":', '"yes",', '"count":', "2}"] });
    case "json-wrong":
      return answer(context, { pieces: ['{"answer":', "7}"] });
    case "json-wrong-first":
      return scriptFor(context.seen === 0 ? "json-wrong" : "json", context);
    case "json-with-card":
      return answer(context, { pieces: [JSON.stringify({ answer: card, count: 2 })] });
    case "tool-then-answer":
      return context.hasToolResult
        ? answer(context, { pieces: ["It", " is", " sunny", " in", " Paris."] })
        : scriptFor("tool-call", context);
    case "tool-call-wrong":
      return answer(context, { pieces: [], finish: "tool_calls", toolCalls: [wrongCall] });
    case "tool-call-wrong-first":
      return scriptFor(context.seen === 0 ? "tool-call-wrong" : "tool-call", context);
    case "tool-call-wrong-then-text":
      return scriptFor(context.seen === 0 ? "tool-call-wrong" : "ok", context);
    case "huge":
      return answer(context, { pieces: ["x".repeat(4_100_000)] });
    case "think":
      return answer(context, { thinking: ["Let me", " think."] });
    // By its own name, since no setting can add a model to OpenAI's: thinks and calls, then answers.
    case "gpt-6.1-sol":
      return context.hasToolResult
        ? answer(context, {})
        : answer(context, {
            thinking: ["Let me", " think."],
            pieces: [],
            finish: "tool_calls",
            toolCalls: [weatherCall("Paris", 1)],
          });
    case "think-card":
      return answer(context, { thinking: ["The card is ", card] });
    case "logprobs":
      return answer(context, { logprobs: true });
    case "stop-sequence":
      return answer(context, { stopSequence: "END" });
    case "limited":
      return answer(context, { limits: { requests: 3, resetMs: 30_000 } });
    case "refusal":
      return answer(context, { pieces: [], refusal: "I cannot help with that." });
    case "filtered":
      return answer(context, { finish: "content_filter" });
    case "cut-short":
      return answer(context, {
        finish: "length",
        usage: { input: 7, output: 16, cached: 0, cacheWrite: 0, reasoning: 0 },
      });
    case "cached":
      return answer(context, { usage: { input: 2006, output: 300, cached: 1920, cacheWrite: 64, reasoning: 256 } });
    case "cite-source":
      return answer(context, { pieces: inPieces(citedSource(context)) });
    case "cite-and-invent":
      return answer(context, { pieces: inPieces(`${citedSource(context)} It was built by 7,000 elephants [1].`) });
    case "tool-call":
      return answer(context, { pieces: [], finish: "tool_calls", toolCalls: [weatherCall("Paris", 1)] });
    case "parallel-tool-calls":
      return answer(context, {
        pieces: [],
        finish: "tool_calls",
        toolCalls: [weatherCall("Paris", 1), weatherCall("Rome", 2)],
      });
    case "leak-card":
      return answer(context, {
        pieces: ["Your card ", card.slice(0, 7), card.slice(7, 12), card.slice(12), " is on file."],
      });
    case "leak-secret":
      return answer(context, {
        pieces: ["The key is ", secret.slice(0, 9), secret.slice(9, 30), secret.slice(30), " for now."],
      });
    default:
      throw new Error(`the scripted provider knows no model ${name}`);
  }
}

/** An answer of sixty tokens, no two of its words alike. */
const sixtyWords = Array.from({ length: 60 }, (_none, index) => `${index === 0 ? "" : " "}word${index + 1}`);
/** What a client must have in the end, whoever wrote it. */
export const sixtyText = sixtyWords.join("");

/** A model that does as it is told: it goes on where a prefill stops, or begins with the words it is asked to repeat. */
function continued(context: ScriptContext): Answer {
  const anchor = /<last>([\s\S]+)<\/last>/.exec(context.lastUserText)?.[1];
  const from = context.prefill ?? anchor;
  if (from === undefined || !sixtyText.includes(from)) return answer(context, { pieces: sixtyWords });
  const at = sixtyText.lastIndexOf(from) + (context.prefill === null ? 0 : from.length);
  return answer(context, { pieces: inPieces(sixtyText.slice(at)) });
}

/** Every way in which an answer can fail, one of them at random. */
function anyFailure(context: ScriptContext): Script {
  const ways = [
    "429",
    "500",
    "503",
    "reset",
    "stall-at-20",
    "cut-at-40",
    "malformed-at-30",
    "half-frame",
    "html",
    "hang",
  ];
  return scriptFor(ways[Math.floor(Math.random() * ways.length)] ?? "500", context);
}

/** The first numbered source of a grounded prompt, said again with its number, as an honest model does. */
function citedSource({ lastUserText }: ScriptContext): string {
  const sentence = /^\[1\] \([^)]*\) (.+?)\.?$/m.exec(lastUserText)?.[1];
  if (sentence === undefined) throw new Error("the prompt has no numbered sources");
  return `${sentence} [1].`;
}

function inPieces(text: string): string[] {
  return text.split(/(?<= )/);
}

function answer(context: ScriptContext, change: Partial<Answer>): Answer {
  const pieces = change.pieces ?? greeting;
  return {
    kind: "answer",
    pieces,
    refusal: null,
    toolCalls: [],
    thinking: [],
    logprobs: false,
    finish: "stop",
    stopSequence: null,
    limits: null,
    usage: { input: context.promptTokens, output: Math.max(pieces.length, 1), cached: 0, cacheWrite: 0, reasoning: 0 },
    delayMs: 0,
    firstPieceMs: 0,
    betweenMs: 0,
    fault: null,
    faultAfter: null,
    ...change,
  };
}

/** Fits no weather tool: the city is missing. */
const wrongCall: ScriptedToolCall = { id: "call_scripted_1", name: "get_weather", arguments: '{"town":"Paris"}' };

function weatherCall(city: string, number: number): ScriptedToolCall {
  return { id: `call_scripted_${number}`, name: "get_weather", arguments: JSON.stringify({ city }) };
}

function failure(
  status: number,
  workersCode: number,
  message: string,
  code: string,
  headers: Record<string, string> = {},
): Failure {
  const type = status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error";
  return { kind: "failure", status, headers, workersCode, error: { message, type, code, param: null } };
}
