import { describe, expect, it } from "vitest";
import { gatherChunks } from "../../src/objects/gather-chunks.ts";

function chunksOf(count: number, size: number, pulled = { count: 0 }): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled.count += 1;
        if (pulled.count > count) controller.close();
        else controller.enqueue(new Uint8Array(size).fill(pulled.count));
      },
    },
    { highWaterMark: 0 },
  );
}

/** Long enough for whatever can be read ahead to be read. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}

describe("chunks of a stream", () => {
  it("come together while the last ones are worked on, in order and complete", async () => {
    const pieces: Uint8Array[] = [];
    for await (const piece of gatherChunks(chunksOf(200, 10), 1_000)) {
      pieces.push(piece);
      await turns(100);
    }
    expect(pieces.length).toBeLessThan(100);
    expect(Buffer.concat(pieces)).toEqual(
      Buffer.from(Array.from({ length: 2_000 }, (_byte, at) => 1 + Math.floor(at / 10))),
    );
  });

  it("are read ahead no further than allowed", async () => {
    const pulled = { count: 0 };
    const pieces = gatherChunks(chunksOf(1_000, 10, pulled), 100);
    await pieces.next();
    await turns(1_000);
    expect(pulled.count).toBeLessThanOrEqual(12);
    await pieces.return();
  });

  it("are given out before the failure that ends them", async () => {
    let pulls = 0;
    const failing = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (pulls++ === 0) controller.enqueue(new Uint8Array(3));
        else throw new Error("the connection broke");
      },
    });
    const pieces = gatherChunks(failing, 100);
    expect((await pieces.next()).value).toHaveLength(3);
    await expect((async () => pieces.next())()).rejects.toThrow("the connection broke");
  });

  it("end their source when nobody wants more", async () => {
    let isCancelled = false;
    const source = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(50)),
      cancel: () => {
        isCancelled = true;
      },
    });
    for await (const _piece of gatherChunks(source, 100)) break;
    expect(isCancelled).toBe(true);
  });
});
