import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import { createSecretKeys } from "../../src/core/secret-keys.ts";
import { EventNumbering } from "../../src/objects/number-events.ts";
import { maxRecordedBytes, Recording } from "../../src/objects/recording.ts";

const mebibyte = 1024 * 1024;
const encoder = new TextEncoder();

interface Place {
  /** What the recording put into the bucket. */
  path: string;
  storage: DurableObjectStorage;
  reopen(): Recording;
}

/** Runs a test with a recording in a fresh object's storage. */
async function withRecording(
  test: (recording: Recording, place: Place) => Promise<void>,
  bucket: R2Bucket = env.CONTENT,
): Promise<void> {
  const keys = await createSecretKeys("recording-test-recording-test-recording");
  const contentKey = await keys.newContentKey();
  const path = `replay/${newId("request")}/`;
  await runInDurableObject(
    env.REPLAY.getByName(`prj_default/sub_recording/${path}`),
    async (_instance, { storage }) => {
      const deps = {
        storage,
        bucket,
        path,
        seal: (bytes: Uint8Array<ArrayBuffer>) => keys.encryptBytes(contentKey, bytes),
        open: (bytes: Uint8Array<ArrayBuffer>) => keys.decryptBytes(contentKey, bytes),
      };
      await test(new Recording("open", deps), { path, storage, reopen: () => new Recording("whole", deps) });
    },
  );
}

/** Bytes that differ at every place where a mistake could put another piece. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 4 <= length; at += 4) view.setUint32(at, at);
  return bytes;
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function hash(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest("SHA-256", Uint8Array.from(bytes))).toString("hex");
}

describe("a recording", () => {
  it("of 5 MB lies in the bucket, encrypted, and reads the same live and from storage", async () => {
    await withRecording(async (recording, { path, storage, reopen }) => {
      const bytes = pattern(5 * mebibyte + 123);
      const live = readAll(recording.stream(0));
      for (let at = 0; at < bytes.length; at += 300_000) await recording.append(bytes.subarray(at, at + 300_000));
      recording.end("whole");
      expect(await hash(await live)).toBe(await hash(bytes));
      expect(await hash(await readAll(reopen().stream(0)))).toBe(await hash(bytes));

      const inline = storage.sql.exec<{ n: number }>("select sum(length(sealed)) n from segment").one().n;
      expect(inline).toBeLessThan(1.1 * mebibyte);
      const { objects } = await env.CONTENT.list({ prefix: path });
      expect(objects.reduce((total, object) => total + object.size, 0)).toBeGreaterThan(4 * mebibyte);
      const first = await env.CONTENT.get(objects[0]?.key ?? "");
      const stored = new Uint8Array((await first?.arrayBuffer()) ?? new ArrayBuffer(0));
      expect(Buffer.from(stored).includes(Buffer.from(bytes.subarray(4_000, 4_032)))).toBe(false);
    });
  });

  it("stays in the object while the bucket is out of reach", async () => {
    const unreachable = new Proxy(env.CONTENT, {
      get: () => () => Promise.reject(new Error("Network connection lost.")),
    });
    await withRecording(async (recording, { storage }) => {
      const bytes = pattern(2.5 * mebibyte);
      await recording.append(bytes);
      recording.end("whole");
      expect(storage.sql.exec("select 1 from segment where sealed is null").toArray()).toEqual([]);
      expect(await hash(await readAll(recording.stream(0)))).toBe(await hash(bytes));
    }, unreachable);
  });

  it("gives a late reader what there is at once, and the rest as it comes", async () => {
    await withRecording(async (recording) => {
      await recording.append(encoder.encode("one "));
      const reader = recording.stream(0).getReader();
      expect(new TextDecoder().decode((await reader.read()).value)).toBe("one ");
      const next = reader.read();
      await recording.append(encoder.encode("two"));
      expect(new TextDecoder().decode((await next).value)).toBe("two");
      recording.end("whole");
      expect(await reader.read()).toMatchObject({ done: true });
    });
  });

  it("reads nothing ahead of a slow reader", async () => {
    let fetched = 0;
    const counting = new Proxy(env.CONTENT, {
      get: (bucket, name) =>
        name === "get"
          ? (key: string) => {
              fetched += 1;
              return bucket.get(key);
            }
          : bucket.put.bind(bucket),
    });
    await withRecording(async (recording) => {
      const reader = recording.stream(0).getReader();
      for (let count = 0; count < 4; count += 1) await recording.append(new Uint8Array(mebibyte));
      recording.end("whole");
      for (let count = 1; count <= 4; count += 1) {
        expect((await reader.read()).value).toHaveLength(mebibyte);
        expect(fetched).toBe(count);
      }
    }, counting);
  });

  it("counts its readers until they have read it, or left", async () => {
    await withRecording(async (recording) => {
      const [leaving, staying] = [recording.stream(0).getReader(), recording.stream(0).getReader()];
      recording.stream(0);
      await recording.append(encoder.encode("text"));
      await Promise.all([leaving.read(), staying.read()]);
      expect(recording.readers).toBe(2);
      await leaving.cancel();
      expect(recording.readers).toBe(1);
      recording.end("whole");
      await staying.read();
      expect(recording.readers).toBe(0);
    });
  });

  it("breaks its readers' streams when the run broke", async () => {
    await withRecording(async (recording) => {
      await recording.append(encoder.encode("half"));
      const reader = recording.stream(0).getReader();
      await reader.read();
      recording.end("broken");
      await expect((async () => reader.read())()).rejects.toThrow("the run ended before its response did");
    });
  });

  it("refuses more than it may keep", async () => {
    await withRecording(async (recording) => {
      const tooMuch = async () => recording.append(new Uint8Array(maxRecordedBytes + 1));
      await expect(tooMuch()).rejects.toThrow("too long to keep");
    });
  });
});

describe("a recorded event stream", () => {
  const events = ["data: {}", "event: delta\ndata: grün", ": keep-alive", "data: [DONE]"];
  const wire = encoder.encode(events.map((event) => `${event}\n\n`).join(""));

  it.each([1, 2, 3, 7, 1_000])("numbers each event, however the bytes are cut: by %i", async (size) => {
    const numbering = new EventNumbering();
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < wire.length; at += size) pieces.push(numbering.push(wire.subarray(at, at + size)));
    pieces.push(numbering.rest());
    const text = new TextDecoder().decode(Buffer.concat(pieces));
    expect(text).toBe(events.map((event, index) => `id: ${index + 1}\n${event}\n\n`).join(""));
  });

  it.each([
    [0, 4],
    [1, 3],
    [3, 1],
    [4, 0],
    [9, 0],
  ])("after %i events that were seen gives the other %i, however they are stored", async (seen, rest) => {
    for (const size of [1, 5, 1_000]) {
      await withRecording(async (recording) => {
        for (let at = 0; at < wire.length; at += size) await recording.append(wire.subarray(at, at + size));
        recording.end("whole");
        const text = new TextDecoder().decode(await readAll(recording.stream(seen)));
        expect(text.split("\n\n").slice(0, -1)).toEqual(rest === 0 ? [] : events.slice(-rest));
      });
    }
  });
});
