import type { StreamPart } from "../../src/core/model.ts";

export interface Collected {
  parts: StreamPart[];
  text: string;
  /** What the stream failed with, or `null`. */
  failure: unknown;
}

/** Reads a stream to its end, whatever the end is. */
export async function collectParts(stream: ReadableStream<StreamPart>): Promise<Collected> {
  const parts: StreamPart[] = [];
  const reader = stream.getReader();
  let failure: unknown = null;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
    }
  } catch (cause) {
    failure = cause;
  }
  const text = parts.map((part) => (part.type === "text-delta" ? part.text : "")).join("");
  return { parts, text, failure };
}
