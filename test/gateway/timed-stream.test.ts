import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { toTimedStream } from "../../src/gateway/timed-stream.ts";

const deadlineMs = 5_000;
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function timed(parts: AsyncGenerator<number>) {
  const abandon = vi.fn(async () => undefined);
  const stream = toTimedStream(parts, { deadlineMs, clock: () => 0, abandon });
  return { reader: stream.getReader(), abandon };
}

async function* count(onEnd = () => {}): AsyncGenerator<number> {
  try {
    yield 1;
    yield 2;
  } finally {
    onEnd();
  }
}

describe("a stream with a deadline", () => {
  it("lets go when its reader does not come for the rest in time", async () => {
    const onEnd = vi.fn();
    const { reader, abandon } = timed(count(onEnd));
    await reader.read();
    await vi.advanceTimersByTimeAsync(deadlineMs - 1);
    expect(onEnd).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    expect(abandon).toHaveBeenCalledWith(expect.objectContaining({ code: "client_closed_request" }));
    expect(onEnd).toHaveBeenCalledTimes(1);
    await expect((async () => await reader.read())()).rejects.toMatchObject({ code: "client_closed_request" });
  });

  it("blames no reader for a source that is slow, and looks again", async () => {
    const gate = Promise.withResolvers<void>();
    const { reader, abandon } = timed(
      (async function* () {
        await gate.promise;
        yield 1;
        yield 2;
      })(),
    );
    const first = reader.read();
    await vi.advanceTimersByTimeAsync(deadlineMs + 10_000);
    expect(abandon).not.toHaveBeenCalled();
    gate.resolve();
    await first;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(abandon).toHaveBeenCalledTimes(1);
  });

  it("forgets the deadline once it is read to the end", async () => {
    const { reader, abandon } = timed(count());
    while (!(await reader.read()).done);
    await vi.advanceTimersByTimeAsync(deadlineMs * 2);
    expect(abandon).not.toHaveBeenCalled();
  });
});
