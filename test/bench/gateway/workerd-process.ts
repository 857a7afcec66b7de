import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** The clock ticks of /proc/<pid>/stat: 100 a second on every Linux that Node runs on. */
const tickMs = 10;

/** The file of the runtime that Miniflare starts. */
export function workerdPath(): string {
  const fromMiniflare = createRequire(import.meta.resolve("miniflare"));
  const path: unknown = fromMiniflare("workerd");
  if (typeof path === "object" && path !== null && "default" in path) return String(path.default);
  throw new Error("the package workerd names no binary");
}

export function workerdVersion(): string {
  return execFileSync(workerdPath(), ["--version"], { encoding: "utf8" }).trim();
}

/** The CPU time a runtime has used, in ms; `null` where there is no /proc. */
export function cpuOfWorkerdMs(): number | null {
  try {
    let total = 0;
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue;
      const stat = readStat(entry);
      if (stat?.parent === process.pid && stat.name === "workerd") total += stat.cpuMs;
    }
    return total;
  } catch {
    return null;
  }
}

function readStat(pid: string): { name: string; parent: number; cpuMs: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const close = text.lastIndexOf(")");
    const fields = text.slice(close + 2).split(" ");
    return {
      name: text.slice(text.indexOf("(") + 1, close),
      parent: Number(fields[1]),
      cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
    };
  } catch {
    // The process has ended since it was listed.
    return null;
  }
}
