import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import type { LoadOrder } from "./load.ts";
import type { Measured } from "./summary.ts";

export interface Provider {
  /** Without `/v1`. */
  url: string;
  stop(): void;
}

export async function startProvider(): Promise<Provider> {
  const child = start("provider.ts");
  const message = await nextMessage(child);
  if (!("port" in message)) throw new Error("the provider did not say its port");
  return { url: `http://127.0.0.1:${String(message.port)}`, stop: () => child.disconnect() };
}

export interface LoadGenerator {
  run(order: LoadOrder): Promise<Measured>;
  stop(): void;
}

export function startLoadGenerator(): LoadGenerator {
  const child = start("load.ts");
  return {
    async run(order) {
      const answer = nextMessage(child);
      child.send(order);
      const message = await answer;
      if ("failure" in message) throw new Error(`the load generator failed: ${String(message.failure)}`);
      // load.ts sends a Measured, or a failure.
      return (message as { measured: Measured }).measured;
    },
    stop: () => child.disconnect(),
  };
}

function start(file: string): ChildProcess {
  return fork(join(import.meta.dirname, file), { stdio: ["ignore", "ignore", "inherit", "ipc"] });
}

function nextMessage(child: ChildProcess): Promise<object> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a process of the benchmark ended (${code})`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message as object);
    });
  });
}
