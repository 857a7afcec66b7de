import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { runCommand } from "./run-command.ts";

/** Every worker of this process: it is in a group of its own, so whatever ends us must end it too. */
const running = new Set<ChildProcess>();

/** Ends what still runs, at once; for the last moment of this process. */
export function killWorkers(): void {
  for (const child of running) signal(child, "SIGTERM");
}

export interface WorkerOptions {
  root: string;
  port: number;
  /** Where D1, R2 and the objects keep their state; `.wrangler/state` by default. */
  persistTo?: string;
  variables: Record<string, string>;
  /** Read in place of `.dev.vars`. */
  envFile?: string;
  /** Gets wrangler's own output, line by line. */
  onLine?: (line: string) => void;
}

export interface RunningWorker {
  url: string;
  pid: number;
  /** Resolves when wrangler has ended by itself, with the end of its output. */
  exited: Promise<string>;
  stop(): Promise<void>;
}

const readyTimeoutMs = 90_000;
const stopTimeoutMs = 5_000;
const keptLines = 40;
const environment = { WRANGLER_SEND_METRICS: "false", CI: "true", NO_COLOR: "1" };

/** Applies the D1 migrations that are still missing. */
export async function applyMigrations({ root, persistTo }: Pick<WorkerOptions, "root" | "persistTo">): Promise<void> {
  const args = [
    "d1",
    "migrations",
    "apply",
    "parapet",
    "--local",
    ...(persistTo === undefined ? [] : ["--persist-to", persistTo]),
  ];
  await runCommand({
    file: process.execPath,
    args: [wranglerPath(root), ...args],
    cwd: root,
    env: environment,
    timeoutMs: 120_000,
  });
}

/** Starts `wrangler dev` and resolves once it answers. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  const { root, port, persistTo, variables, envFile, onLine } = options;
  const args = [
    "dev",
    "--port",
    String(port),
    "--ip",
    "127.0.0.1",
    "--show-interactive-dev-session=false",
    "--test-scheduled",
  ];
  if (persistTo !== undefined) args.push("--persist-to", persistTo);
  if (envFile !== undefined) args.push("--env-file", envFile);
  for (const [name, value] of Object.entries(variables)) args.push("--var", `${name}:${value}`);
  const child = spawn(process.execPath, [wranglerPath(root), ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // Its own group: workerd goes with it.
    detached: process.platform !== "win32",
  });
  running.add(child);
  child.once("close", () => running.delete(child));
  const lines: string[] = [];
  const take = (chunk: string) => {
    for (const line of chunk.split("\n").filter((text) => text.trim() !== "")) {
      lines.push(line);
      if (lines.length > keptLines) lines.shift();
      onLine?.(line);
    }
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const exited = new Promise<string>((resolve) => child.once("close", () => resolve(lines.join("\n"))));

  const url = `http://127.0.0.1:${port}`;
  const worker = { url, pid: child.pid ?? 0, exited, stop: () => stop(child) };
  const outcome = await Promise.race([waitUntilReady(url), exited]);
  if (outcome === true) return worker;
  await worker.stop();
  throw new Error(`wrangler dev did not start:\n${outcome === false ? lines.join("\n") : outcome}`);
}

async function waitUntilReady(url: string): Promise<boolean> {
  const giveUpMs = Date.now() + readyTimeoutMs;
  while (Date.now() < giveUpMs) {
    try {
      // Any answer of the worker's own will do; what it says is the caller's business.
      const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(10_000) });
      if (response.headers.has("x-request-id") || response.status === 503) return true;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("close", () => resolve()));
  signal(child, "SIGTERM");
  const timer = setTimeout(() => signal(child, "SIGKILL"), stopTimeoutMs);
  await gone;
  clearTimeout(timer);
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, name);
  } catch {
    // It has gone already.
  }
}

function wranglerPath(root: string): string {
  return join(root, "node_modules", "wrangler", "bin", "wrangler.js");
}
