import { expect, it } from "vitest";
import type { StreamPart } from "../../src/core/model.ts";
import { watchCall } from "../../src/providers/call-watch.ts";
import { readParts } from "../../src/providers/read-parts.ts";

it("does not blame the provider for a client that reads slowly", async () => {
  const encoder = new TextEncoder();
  let sent = 0;
  // A provider that always has its next event ready.
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ < 4) controller.enqueue(encoder.encode('data: {"a":1}\n\n'));
      else controller.close();
    },
  });
  const watch = watchCall({
    provider: "p",
    caller: new AbortController().signal,
    timeouts: { headersMs: 50, firstTokenMs: 50, idleMs: 50, totalMs: 5_000 },
  });
  const parts = readParts({
    provider: "p",
    body,
    watch,
    mapError: (cause) => cause as never,
    parts: {
      read: () => [{ type: "text-delta", text: "a" }] satisfies StreamPart[],
      isDone: () => false,
      end: () => [],
    },
  });
  const reader = parts.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 150));
  await expect(reader.read()).resolves.toMatchObject({ done: false });
});
