import { z } from "zod";
import type { ChatBackend } from "./chat-backend.ts";
import { WireError } from "./wire-error.ts";

const modelList = z.object({ data: z.array(z.object({ id: z.string() })) });
const startTimeoutMs = 5000;

/**
 * Chat by another OpenAI-compatible server (Ollama, llama-server, vLLM…): requests and answers pass through unchanged but
 * for the model's name. Throws with a sentence when the server does not answer or has no model.
 */
export async function createProxyBackend({
  baseUrl,
  modelName,
}: {
  baseUrl: string;
  modelName?: string;
}): Promise<ChatBackend> {
  const root = baseUrl.replace(/\/+$/, "");
  const upstreamName = modelName ?? (await firstModel(root));

  return {
    modelName: `local/${upstreamName}`,
    async answer(request, signal) {
      const { parapet: _own, ...rest } = request;
      const response = await fetch(`${root}/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...rest, model: upstreamName }),
        signal,
      }).catch((cause: unknown) => {
        if (signal.aborted) throw cause;
        throw new WireError(503, "model_unavailable", `The model server at ${root} does not answer: start it again.`);
      });
      const headers = new Headers();
      for (const name of ["content-type", "retry-after"]) {
        const value = response.headers.get(name);
        if (value) headers.set(name, value);
      }
      return new Response(response.body, { status: response.status, headers });
    },
    load: () => ({ running: 0, waiting: 0 }),
    close: async () => {},
  };
}

async function firstModel(root: string): Promise<string> {
  const response = await fetch(`${root}/models`, { signal: AbortSignal.timeout(startTimeoutMs) }).catch(
    (cause: unknown) => {
      throw new Error(`No model server answers at ${root}.`, { cause });
    },
  );
  const list = modelList.safeParse(await response.json().catch(() => null));
  const first = list.success ? list.data.data[0]?.id : undefined;
  if (first === undefined)
    throw new Error(`The model server at ${root} lists no model: pull one, or set PARAPET_LOCAL_MODEL_NAME.`);
  return first;
}
