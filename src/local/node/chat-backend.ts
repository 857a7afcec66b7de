import type { ChatRequest } from "../../core/chat.ts";

/** What answers chat requests: the engine in this process, or an OpenAI-compatible server somewhere else. */
export interface ChatBackend {
  /** As clients name it: `local/…`. */
  modelName: string;
  /**
   * Answers a request of this model. Failures before the first byte are thrown; later ones end the stream. The response's
   * body is cancelled, and the work stops, when `signal` aborts.
   */
  answer(request: ChatRequest, signal: AbortSignal): Promise<Response>;
  load(): { running: number; waiting: number };
  close(): Promise<void>;
}
