import { describe, expect, it } from "vitest";
import { boundErrorBody, maxVectorBytes, readErrorText, readText } from "../../src/providers/read-body.ts";

const wave = "héllo 👋";
const size = new TextEncoder().encode(wave).byteLength;

/** A body that comes in pieces and never ends; `cancelled` tells that its reader let go of it. */
function endless(piece: string) {
  const state = { cancelled: false, sent: 0 };
  const bytes = new TextEncoder().encode(piece);
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        state.sent += bytes.byteLength;
        controller.enqueue(bytes);
      },
      cancel: () => void (state.cancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { body, state };
}

describe("an answer's body", () => {
  it.each([1, 2, 3, 5])("is the same text in pieces of %i bytes, up to its bound", async (step) => {
    const bytes = new TextEncoder().encode(wave);
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.byteLength; at += step) controller.enqueue(bytes.slice(at, at + step));
        controller.close();
      },
    });
    expect(await readText(new Response(body), { provider: "p", maxBytes: size })).toBe(wave);
  });

  it("is refused one byte beyond its bound", async () => {
    const read = readText(new Response(wave), { provider: "p", maxBytes: size - 1 });
    await expect(read).rejects.toMatchObject({
      code: "upstream_invalid_response",
      retryable: true,
      upstreamStatus: 200,
    });
  });

  it("that never ends is let go of once it is too long", async () => {
    const { body, state } = endless("x".repeat(1000));
    await expect(readText(new Response(body), { provider: "p", maxBytes: 10_000 })).rejects.toThrow(
      "could not be read",
    );
    expect(state).toEqual({ cancelled: true, sent: 11_000 });
  });

  it("may be empty", async () => {
    expect(await readText(new Response(null), { provider: "p" })).toBe("");
  });

  it("may be longer where it holds vectors, and not without end", () => {
    // 100 vectors of 3072 numbers, as JSON writes them.
    expect(maxVectorBytes(100)).toBeGreaterThan(100 * 3072 * 24);
    expect(maxVectorBytes(1_000_000)).toBe(64 * 1024 * 1024);
  });
});

describe("an error's body", () => {
  it("is cut, not refused, where it is too long", async () => {
    const { body, state } = endless("sorry ");
    expect(await readErrorText(new Response(body, { status: 500 }), 15)).toBe("sorry sorry sor");
    expect(state.cancelled).toBe(true);
  });

  it("is what came of it where it breaks off", async () => {
    let pulls = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(new TextEncoder().encode("half"));
        else controller.error(new Error("reset"));
      },
    });
    expect(await readErrorText(new Response(body, { status: 500 }))).toBe("half");
  });

  it("is cut under its own status and headers for a package that reads it", async () => {
    const { body } = endless("sorry ");
    const sent = new Response(body, { status: 429, headers: { "retry-after": "7", "content-length": "6000000" } });
    const bounded = await boundErrorBody(sent, 5);
    expect(await bounded.text()).toBe("sorry");
    expect(bounded.status).toBe(429);
    expect(bounded.headers.get("retry-after")).toBe("7");
    expect(bounded.headers.get("content-length")).not.toBe("6000000");
  });

  it("is none of an answer: a stream goes through as it is", async () => {
    const sent = new Response("data: x\n\n");
    expect(await boundErrorBody(sent, 1)).toBe(sent);
  });
});
