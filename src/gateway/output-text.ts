import { sha256Hex, toHex } from "../core/hash.ts";
import { estimateTokens } from "./estimate-tokens.ts";

/** What is kept of an answer: far more than a model's longest, and far less than the isolate's memory. */
const maxKeptCharacters = 2_000_000;

/** An answer's text as it goes by: counted and hashed whole, kept up to a limit, so that no stream fills the memory. */
export interface OutputText {
  add(text: string): void;
  /** In UTF-16 code units. */
  readonly length: number;
  /** The text, as far as it is kept. */
  kept(): string;
  /** Our own count, for when the provider gives none. */
  tokens(): number;
  /** SHA-256 of all of it, lower-case hex. */
  hash(): Promise<string>;
}

export function createOutputText(): OutputText {
  let kept = "";
  let length = 0;
  let tokensBeyond = 0;
  let digest: { stream: DigestStream; writer: WritableStreamDefaultWriter<string> } | null = null;

  return {
    add(text) {
      length += text.length;
      if (digest === null && kept.length + text.length <= maxKeptCharacters) {
        kept += text;
        return;
      }
      digest ??= openDigest(kept);
      void digest.writer.write(text);
      tokensBeyond += estimateTokens(text);
    },
    get length() {
      return length;
    },
    kept: () => kept,
    tokens: () => (kept === "" ? 0 : estimateTokens(kept)) + tokensBeyond,
    async hash() {
      if (digest === null) return sha256Hex(kept);
      await digest.writer.close();
      return toHex(new Uint8Array(await digest.stream.digest));
    },
  };
}

function openDigest(text: string) {
  const stream = new crypto.DigestStream("SHA-256");
  const encoder = new TextEncoderStream();
  void encoder.readable.pipeTo(stream);
  const writer = encoder.writable.getWriter();
  void writer.write(text);
  return { stream, writer };
}
