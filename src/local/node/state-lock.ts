import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

const holder = z.object({ pid: z.int(), url: z.string().nullable() });
type Holder = z.infer<typeof holder>;

/** Two workers on one state folder overwrite each other's objects: rows get lost, and the audit chain breaks. */
export interface StateLock {
  /** Lets others find the server. */
  publish(url: string): void;
  release(): void;
}

/** Who serves this folder now; `null` when nobody does. What a killed process left behind does not count. */
export function findHolder(root: string): Holder | null {
  const path = lockPath(root);
  if (!existsSync(path)) return null;
  const parsed = holder.safeParse(parseJson(readFileSync(path, "utf8")));
  return parsed.success && isAlive(parsed.data.pid) ? parsed.data : null;
}

/** Takes the folder's state for this process, or throws with where it is in use. */
export function takeState(root: string): StateLock {
  const other = findHolder(root);
  if (other !== null && other.pid !== process.pid) {
    const where = other.url === null ? "starting" : `at ${other.url}`;
    throw new Error(`Parapet already serves this folder (${where}, pid ${other.pid}). Use that one, or stop it first.`);
  }
  const write = (url: string | null) => {
    mkdirSync(dirname(lockPath(root)), { recursive: true });
    writeFileSync(lockPath(root), JSON.stringify({ pid: process.pid, url } satisfies Holder));
  };
  write(null);
  const release = () => rmSync(lockPath(root), { force: true });
  process.once("exit", release);
  return { publish: write, release };
}

function lockPath(root: string): string {
  return join(root, ".parapet", "lock.json");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process is alive too.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
