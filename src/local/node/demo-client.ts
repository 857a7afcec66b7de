import { z } from "zod";
import { parapetResponse } from "../../core/parapet-extension.ts";
import type { Stack } from "./start-stack.ts";

const completion = z.object({
  model: z.string(),
  choices: z.array(z.object({ message: z.object({ content: z.string().nullable() }) })).length(1),
  usage: z.object({ prompt_tokens: z.int(), completion_tokens: z.int() }),
  parapet: parapetResponse,
});
export type DemoCompletion = z.infer<typeof completion>;

const failure = z.object({ error: z.object({ message: z.string(), code: z.string(), param: z.string().nullable() }) });
export type DemoFailure = z.infer<typeof failure>["error"] & { traceId: string };

/** The few calls the demo makes, over plain HTTP, as any client would make them. */
export class DemoClient {
  readonly hasModel: boolean;
  collectionId = "";
  readonly #url: string;
  readonly #key: string;

  constructor({ url, key, models }: Pick<Stack, "url" | "key" | "models">) {
    this.#url = url;
    this.#key = key;
    this.hasModel = models.chatModel !== null;
  }

  /** The parsed answer, or what the error body said. */
  async ask(
    question: string,
    { grounded }: { grounded: boolean },
  ): Promise<{ completion: DemoCompletion } | { failure: DemoFailure }> {
    const response = await this.#send("POST", "/v1/chat/completions", {
      model: "auto",
      max_completion_tokens: 120,
      messages: [{ role: "user", content: question }],
      parapet: {
        feature: "demo",
        task: grounded ? "handbook" : "writing",
        ...(grounded ? { collection: this.collectionId } : {}),
      },
    });
    const body: unknown = await response.json();
    if (response.ok) return { completion: completion.parse(body) };
    return { failure: { ...failure.parse(body).error, traceId: response.headers.get("x-parapet-trace") ?? "" } };
  }

  /** Any other call; throws with the server's own message when it fails. */
  async call<T>(method: string, path: string, schema: z.ZodType<T>, body?: object): Promise<T> {
    const response = await this.#send(method, path, body);
    const answer: unknown = await response.json();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${failure.safeParse(answer).data?.error.message ?? response.status}`);
    return schema.parse(answer);
  }

  #send(method: string, path: string, body?: object): Promise<Response> {
    return fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}
