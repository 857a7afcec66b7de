import { inject } from "vitest";
import type { AIBinding } from "../../../src/providers/workers-ai/model.ts";

/** The AI binding over HTTP: what the scripted provider answers in Workers AI's words, with the binding's errors. */
export function scriptedBinding({ passesSignal }: { passesSignal: boolean }): AIBinding {
  return {
    async run(model, inputs, options) {
      const response = await fetch(`${inject("scriptedProviderUrl")}/ai/run/${encodeURIComponent(model)}`, {
        method: "POST",
        body: JSON.stringify(inputs),
        ...(passesSignal && options?.signal ? { signal: options.signal } : {}),
      });
      const type = response.headers.get("content-type") ?? "";
      if (type.startsWith("text/event-stream")) return response.body;
      if (type.startsWith("text/html")) return response.text();
      const body: unknown = await response.json();
      if (!response.ok) throw bindingError(body);
      return body;
    },
  };
}

function bindingError(body: unknown): Error {
  const { errors } = body as { errors: { code: number; message: string }[] };
  const first = errors[0];
  const error = new Error(`${first?.code}: ${first?.message}`);
  error.name = "AiError";
  return error;
}
