import { spawn } from "node:child_process";

const keptErrorCharacters = 2000;

export interface Command {
  file: string;
  args: readonly string[];
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  timeoutMs: number;
}

/** Runs a program to its end and gives its standard output. Throws with the end of its standard error when it fails. */
export function runCommand({ file, args, cwd, env, timeoutMs }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    // npm is a .cmd file on Windows, which only a shell can start; the arguments here are our own constants and paths.
    const shell = process.platform === "win32" && file === "npm";
    const child = spawn(file, args, {
      cwd,
      shell,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: timeoutMs,
    });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-keptErrorCharacters);
    });
    child.on("error", (cause) => reject(new Error(`${file} could not be started: ${cause.message}`, { cause })));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${file} ${args[0] ?? ""} failed (${signal ?? `exit ${code}`}): ${errors.trim()}`));
    });
  });
}
