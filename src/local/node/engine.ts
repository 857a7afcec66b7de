import { availableParallelism } from "node:os";
import {
  importLlama,
  type ChatWrapper,
  type GrammarState,
  type HistoryItem,
  type LlamaModel,
  type LlamaModule,
  type LlamaSequence,
  type Token,
} from "./llama-api.ts";

/** More would need gigabytes of key-value cache on larger models. */
const largestContext = 8192;
/** A long prompt is read in pieces of this many tokens, so that a client's departure is noticed between two of them. */
const promptPiece = 512;
const repeatWindow = 64;

export interface Sampling {
  temperature: number;
  topP?: number;
  seed?: number;
  /** 1 is none. */
  repeatPenalty: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
}

export interface GenerateOptions {
  prompt: Token[];
  sampling: Sampling;
  maxTokens: number;
  /** GBNF. While `isFreeText` says so of the text so far, it is no longer applied, which is faster. */
  grammar: string | null;
  isFreeText?: (textSoFar: string) => boolean;
  signal: AbortSignal;
}

/** What a generation did, told after its last piece of text. */
export interface GenerationEnd {
  reason: "stop" | "length";
  outputTokens: number;
  cachedTokens: number;
}

/** One model on this machine. It answers one request at a time: the caller queues. */
export interface Engine {
  contextSize: number;
  /** The history as the model's own chat template writes it, ready for the assistant's turn. */
  encode(history: HistoryItem[]): Token[];
  generate(options: GenerateOptions): AsyncGenerator<string, GenerationEnd>;
  close(): Promise<void>;
}

export async function loadEngine({
  entryPath,
  modelPath,
  instruction,
}: {
  entryPath: string;
  modelPath: string;
  /** The system message of a conversation that has none. */
  instruction?: string;
}): Promise<Engine> {
  const threads = availableParallelism();
  const module = await importLlama(entryPath);
  const llama = await module.getLlama({
    build: "never",
    // Apple's processors have one build, with Metal inside; everywhere else the build is the one for the CPU.
    gpu: process.platform === "darwin" && process.arch === "arm64" ? "auto" : false,
    maxThreads: threads,
    logLevel: "error",
    progressLogs: false,
    skipDownload: true,
  });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({
    contextSize: Math.min(model.trainContextSize, largestContext),
    sequences: 1,
    // The default of 4 threads was 50 times slower on 2 cores.
    threads,
    batchSize: promptPiece,
  });
  const sequence = context.getSequence();
  const wrapper = createChatWrapper(module, model);

  async function* generate(options: GenerateOptions): AsyncGenerator<string, GenerationEnd> {
    const { prompt, sampling, signal } = options;
    const cachedTokens = await readPrompt(sequence, prompt, signal);
    const state = await grammarState(options.grammar);
    const output: Token[] = [];
    let text = "";
    let pending: Token[] = [];
    let reason: GenerationEnd["reason"] = "stop";

    // It ends by itself at the model's end-of-turn token.
    const tokens = sequence.evaluate(prompt.slice(sequence.nextTokenIndex), {
      temperature: sampling.temperature,
      ...(sampling.topP === undefined ? {} : { topP: sampling.topP }),
      ...(sampling.seed === undefined ? {} : { seed: sampling.seed }),
      ...(state && { grammarEvaluationState: () => (text && options.isFreeText?.(text) ? undefined : state) }),
      ...penalties(sampling, output),
    });
    const limit = Math.min(options.maxTokens, context.contextSize - prompt.length);
    for await (const token of tokens) {
      signal.throwIfAborted();
      output.push(token);
      pending.push(token);
      const piece = model.detokenize(pending, false, output.slice(0, output.length - pending.length).slice(-4));
      // A character outside ASCII may be spread over tokens: wait for the rest of it.
      const isWhole = !piece.endsWith("\uFFFD");
      if (isWhole) {
        pending = [];
        text += piece;
        yield piece;
      }
      if (output.length >= limit) {
        reason = "length";
        break;
      }
    }
    return { reason, outputTokens: output.length, cachedTokens };
  }

  async function grammarState(grammar: string | null): Promise<GrammarState | null> {
    if (grammar === null) return null;
    return new module.LlamaGrammarEvaluationState({ model, grammar: await llama.createGrammar({ grammar }) });
  }

  return {
    contextSize: context.contextSize,
    encode(history) {
      const system: HistoryItem[] =
        instruction && history[0]?.type !== "system" ? [{ type: "system", text: instruction }] : [];
      const chatHistory: HistoryItem[] = [...system, ...history, { type: "model", response: [] }];
      return wrapper.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
    },
    generate,
    close: () => llama.dispose(),
  };
}

/** Brings the sequence to the prompt's last token but one. What it shares with the previous request is kept, not read again. */
async function readPrompt(sequence: LlamaSequence, prompt: Token[], signal: AbortSignal): Promise<number> {
  const allButLast = prompt.slice(0, -1);
  await sequence.adaptStateToTokens(allButLast, false);
  const cachedTokens = sequence.nextTokenIndex;
  while (sequence.nextTokenIndex < allButLast.length) {
    signal.throwIfAborted();
    const start = sequence.nextTokenIndex;
    await sequence.evaluateWithoutGeneratingNewTokens(allButLast.slice(start, start + promptPiece));
  }
  signal.throwIfAborted();
  return cachedTokens;
}

function penalties(
  sampling: Sampling,
  output: readonly Token[],
): Pick<Parameters<LlamaSequence["evaluate"]>[1], "repeatPenalty"> {
  const { repeatPenalty, frequencyPenalty, presencePenalty } = sampling;
  if (repeatPenalty === 1 && !frequencyPenalty && !presencePenalty) return {};
  return {
    repeatPenalty: {
      // Only what was generated counts: punishing the prompt's words would punish quoting the sources.
      punishTokens: () => output.slice(-repeatWindow),
      penalty: repeatPenalty,
      ...(frequencyPenalty && { frequencyPenalty }),
      ...(presencePenalty && { presencePenalty }),
    },
  };
}

/** The model's own template where it has a usable one; thinking is switched off where the template knows the switch. */
function createChatWrapper(module: LlamaModule, model: LlamaModel): ChatWrapper {
  const template = model.fileInfo.metadata.tokenizer?.chat_template;
  if (!template) return module.resolveChatWrapper(model);
  try {
    const additionalRenderParameters = { enable_thinking: false };
    return new module.JinjaTemplateChatWrapper({ template, tokenizer: model.tokenizer, additionalRenderParameters });
  } catch {
    return module.resolveChatWrapper(model);
  }
}
