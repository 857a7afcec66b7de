import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { renderConfig, type WorkerConfig } from "./workerd-config.ts";

export interface RunningWorkerd {
  pid: number;
  /** By the name of the worker that listens there. */
  urls: Map<string, string>;
  stop(): Promise<void>;
}

const readyTimeoutMs = 30_000;
const keptErrorCharacters = 2_000;
/** The clock ticks of /proc/<pid>/stat: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

/** The runtime that wrangler brings along, the one production runs. */
export function workerdPath(): string {
  const require = createRequire(import.meta.url);
  const loaded: unknown = createRequire(require.resolve("wrangler"))("workerd");
  if (typeof loaded === "object" && loaded !== null && "default" in loaded) return String(loaded.default);
  throw new Error("the package workerd names no binary");
}

export function workerdVersion(): string {
  return execFileSync(workerdPath(), ["--version"], { encoding: "utf8" }).trim();
}

/** Starts workerd itself on these workers; resolves once all of them listen. `folder` takes its files and its state. */
export async function startWorkerd({
  workers,
  folder,
  inspectorPort,
}: {
  workers: WorkerConfig[];
  folder: string;
  inspectorPort?: number;
}): Promise<RunningWorkerd> {
  const objectFolder = join(folder, "objects");
  mkdirSync(objectFolder, { recursive: true });
  const { config, files } = renderConfig(workers, { objectFolder });
  for (const { name, contents } of files) writeFileSync(join(folder, name), contents);
  writeFileSync(join(folder, "config.capnp"), config);

  const inspector = inspectorPort === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspectorPort}`];
  const child = spawn(workerdPath(), ["serve", "config.capnp", "--control-fd=3", ...inspector], {
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-keptErrorCharacters);
  });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const stop = async () => {
    process.off("exit", kill);
    kill();
    await closed;
  };
  const names = workers.filter((worker) => worker.listens).map((worker) => worker.name);
  // The fourth of the pipes above is readable.
  const urls = await Promise.race([
    readPorts(child.stdio[3] as Readable, names),
    closed.then(() => null),
    new Promise<null>((resolve) => setTimeout(resolve, readyTimeoutMs, null).unref()),
  ]);
  if (urls === null || child.pid === undefined) {
    await stop();
    throw new Error(`workerd did not start: ${errors}`);
  }
  return { pid: child.pid, urls, stop };
}

/** workerd tells each socket's port as a line of JSON. */
function readPorts(control: Readable, names: string[]): Promise<Map<string, string>> {
  return new Promise((resolve) => {
    const urls = new Map<string, string>();
    let waiting = "";
    control.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (waiting + chunk).split("\n");
      waiting = lines.pop() ?? "";
      for (const line of lines) {
        const message: unknown = JSON.parse(line);
        if (typeof message !== "object" || message === null) continue;
        if ("socket" in message && "port" in message)
          urls.set(String(message.socket), `http://127.0.0.1:${String(message.port)}`);
      }
      if (names.every((name) => urls.has(name))) resolve(urls);
    });
  });
}

/** The CPU time a process has used, in ms; `null` where there is no /proc. */
export function cpuOfMs(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return null;
  }
}
