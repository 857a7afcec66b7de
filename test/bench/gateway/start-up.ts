import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltWorker } from "./build-worker.ts";
import { median } from "./summary.ts";
import { startWorkerd } from "./workerd-process.ts";

/** Medians, in milliseconds. */
export interface StartUp {
  /** From the start of the process until it listens: the modules are compiled and evaluated. */
  listeningMs: number;
  /** From then until the first answer: what is built with the first request. */
  firstAnswerMs: number;
}

const rounds = 5;

/** An empty worker's start, to be taken off. */
export const emptyWorker: BuiltWorker = {
  modules: [
    { type: "ESModule", path: "index.js", contents: `export default { fetch() { return new Response("") } };` },
  ],
};

/** Starts each worker on workerd a few times, in turn; `text` are its settings. Paths it does not know answer 404. */
export async function measureStartUp(
  workers: { modules: BuiltWorker["modules"]; text?: Record<string, string> }[],
): Promise<StartUp[]> {
  const measured = workers.map(() => ({ listening: [] as number[], firstAnswer: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, worker] of workers.entries()) {
      const folder = mkdtempSync(join(tmpdir(), "parapet-start-"));
      try {
        const startMs = performance.now();
        const running = await startWorkerd({ folder, workers: [{ name: "worker", ...worker, listens: true }] });
        const listeningMs = performance.now();
        try {
          const response = await fetch(`${running.urls.get("worker") ?? ""}/nothing-here`);
          if (response.status >= 500)
            throw new Error(`the first request got ${response.status}: ${await response.text()}`);
          measured[index]?.firstAnswer.push(performance.now() - listeningMs);
          measured[index]?.listening.push(listeningMs - startMs);
        } finally {
          await running.stop();
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }
  }
  return measured.map(({ listening, firstAnswer }) => ({
    listeningMs: median(listening),
    firstAnswerMs: median(firstAnswer),
  }));
}
