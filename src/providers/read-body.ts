import { unreadable } from "./openai-compatible/map-error.ts";

/** No model's answer comes near this; parsing more would hold up every other request of the isolate. */
const maxAnswerBytes = 16 * 1024 * 1024;
/** A vector of 4096 numbers of 32 characters each, and no more than fits into an isolate beside its parsed form. */
const maxBytesPerVector = 128 * 1024;
const maxVectorsBytes = 64 * 1024 * 1024;
/** Of an error only the first sentences are quoted, and what stands in for one may be a page. */
const maxErrorBytes = 64 * 1024;

/** How long the answer to so many texts may be. */
export function maxVectorBytes(count: number): number {
  return Math.min(maxVectorsBytes, (count + 1) * maxBytesPerVector);
}

/** An answer's body as text. Throws `upstream_invalid_response` for a longer one, and lets go of the rest. */
export async function readText(
  response: Response,
  { provider, maxBytes = maxAnswerBytes }: { provider: string; maxBytes?: number },
): Promise<string> {
  const pieces: string[] = [];
  const isWhole = await readPieces(response, maxBytes, pieces);
  if (!isWhole) throw unreadable(provider, `an answer of more than ${maxBytes} bytes`);
  return pieces.join("");
}

/** The beginning of an error's body: its status says enough where the body is too long, or breaks off. */
export async function readErrorText(response: Response, maxBytes = maxErrorBytes): Promise<string> {
  const pieces: string[] = [];
  await readPieces(response, maxBytes, pieces).catch(() => undefined);
  return pieces.join("");
}

/** An error response with no more than the beginning of its body, for a package that reads such bodies itself. */
export async function boundErrorBody(response: Response, maxBytes = maxErrorBytes): Promise<Response> {
  if (response.ok || response.body === null) return response;
  const headers = new Headers(response.headers);
  // They describe the body as it was sent.
  headers.delete("content-encoding");
  headers.delete("content-length");
  const { status, statusText } = response;
  return new Response(await readErrorText(response, maxBytes), { status, statusText, headers });
}

/** Fills `pieces` as they come, with no more than `maxBytes`; false where there was more. */
async function readPieces({ body }: Response, maxBytes: number, pieces: string[]): Promise<boolean> {
  if (body === null) return true;
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let left = maxBytes;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      pieces.push(decoder.decode());
      return true;
    }
    if (value.byteLength > left) {
      pieces.push(decoder.decode(value.subarray(0, left)));
      // Ends the connection: nobody waits for the rest.
      void reader.cancel().catch(() => undefined);
      return false;
    }
    left -= value.byteLength;
    pieces.push(decoder.decode(value, { stream: true }));
  }
}
