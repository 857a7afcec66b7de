import { access } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { cacheFolder } from "./cache-folder.ts";
import type { ChatBackend } from "./chat-backend.ts";
import { createEngineBackend } from "./engine-backend.ts";
import { loadEngine } from "./engine.ts";
import { ensureEngine } from "./ensure-engine.ts";
import { defaultWeights, ensureWeights } from "./ensure-weights.ts";
import type { OnProgress } from "./progress.ts";
import { createProxyBackend } from "./proxy-backend.ts";

/**
 * The chat model `model` names: `none`; the base URL of an OpenAI-compatible server; the path of a GGUF file; or, when it is
 * undefined or empty, the default weights. `null`, with the reason told as progress, when it cannot be had.
 */
export async function chooseBackend(model: string | undefined, onProgress: OnProgress): Promise<ChatBackend | null> {
  if (model === "none") return null;
  try {
    return /^https?:\/\//.test(model ?? "") ? await proxyTo(model ?? "") : await loadHere(model, onProgress);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    onProgress({
      message: `No chat model: ${reason} Embeddings still work; grounded questions get extractive answers.`,
    });
    return null;
  }
}

function proxyTo(baseUrl: string): Promise<ChatBackend> {
  const modelName = process.env["PARAPET_LOCAL_MODEL_NAME"];
  return createProxyBackend({ baseUrl, ...(modelName && { modelName }) });
}

async function loadHere(model: string | undefined, onProgress: OnProgress): Promise<ChatBackend> {
  const cache = cacheFolder();
  if (model)
    await access(model).catch(() =>
      Promise.reject(new Error(`PARAPET_LOCAL_MODEL names ${model}, which is not there.`)),
    );
  const entryPath = await ensureEngine({ cache, onProgress });
  const modelPath = model ? resolve(model) : await ensureWeights({ cache, onProgress });
  const name = model ? basename(model, ".gguf").toLowerCase() : defaultWeights.name;
  onProgress({ message: `Loading ${name}` });
  const engine = await loadEngine({ entryPath, modelPath, ...(!model && { instruction: defaultWeights.instruction }) });
  return createEngineBackend(engine, `local/${name}`);
}
