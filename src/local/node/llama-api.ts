import { pathToFileURL } from "node:url";

/**
 * The part of node-llama-cpp 3 the server uses. The package lives in the cache folder and is no dependency of the
 * repository, so its own declarations cannot be imported.
 */
export interface LlamaModule {
  getLlama(options: LlamaOptions): Promise<Llama>;
  LlamaGrammarEvaluationState: new (options: { model: LlamaModel; grammar: LlamaGrammar }) => GrammarState;
  JinjaTemplateChatWrapper: new (options: {
    template: string;
    tokenizer: unknown;
    additionalRenderParameters?: Record<string, unknown>;
  }) => ChatWrapper;
  resolveChatWrapper(model: LlamaModel): ChatWrapper;
}

export interface LlamaOptions {
  build: "never";
  gpu: "auto" | false;
  maxThreads: number;
  logLevel: "error";
  progressLogs: false;
  skipDownload: true;
}

export interface Llama {
  loadModel(options: { modelPath: string }): Promise<LlamaModel>;
  createGrammar(options: { grammar: string }): Promise<LlamaGrammar>;
  dispose(): Promise<void>;
}

/** Opaque to this code: they only travel between calls of the engine. */
export interface LlamaGrammar {
  readonly grammar: string;
}
export type GrammarState = object;
export type Token = number;

export interface LlamaModel {
  readonly trainContextSize: number;
  readonly tokenizer: unknown;
  readonly fileInfo: { metadata: { general?: { name?: string }; tokenizer?: { chat_template?: string } } };
  createContext(options: {
    contextSize: number;
    sequences: number;
    threads: number;
    batchSize: number;
  }): Promise<LlamaContext>;
  detokenize(tokens: readonly Token[], specialTokens: boolean, lastTokens: readonly Token[]): string;
}

export interface LlamaContext {
  readonly contextSize: number;
  getSequence(): LlamaSequence;
}

export interface LlamaSequence {
  readonly nextTokenIndex: number;
  adaptStateToTokens(tokens: Token[], allowShift: boolean): Promise<void>;
  clearHistory(): Promise<void>;
  evaluateWithoutGeneratingNewTokens(tokens: Token[]): Promise<void>;
  evaluate(tokens: Token[], options: EvaluateOptions): AsyncGenerator<Token, void>;
}

export interface EvaluateOptions {
  temperature: number;
  topP?: number;
  seed?: number;
  grammarEvaluationState?: () => GrammarState | undefined;
  repeatPenalty?: { punishTokens: () => Token[]; penalty: number; frequencyPenalty?: number; presencePenalty?: number };
}

export type HistoryItem =
  | { type: "system"; text: string }
  | { type: "user"; text: string }
  | { type: "model"; response: string[] };

export interface ChatWrapper {
  generateContextState(options: { chatHistory: HistoryItem[] }): {
    contextText: { tokenize(tokenizer: unknown): Token[] };
  };
}

export async function importLlama(entryPath: string): Promise<LlamaModule> {
  // The one place where the engine's types are taken on trust: the version is pinned by ensure-engine.ts.
  return (await import(pathToFileURL(entryPath).href)) as LlamaModule;
}
