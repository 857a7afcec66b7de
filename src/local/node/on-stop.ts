import { killWorkers } from "./start-worker.ts";

const orphanCheckMs = 1_000;

/**
 * Resolves when this process is asked to stop: Ctrl-C, `kill`, a closed terminal, or npm gone. Until
 * `serving` is called a stop leaves at once, and takes the worker along.
 */
export function watchForStop(): { stopped: Promise<void>; serving(): void } {
  let isServing = false;
  const parent = process.ppid;
  const stopped = new Promise<void>((resolve) => {
    const stop = () => {
      if (isServing) return resolve();
      killWorkers();
      process.exit(130);
    };
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(name, stop);
    // npm does not pass every signal on; a process whose parent has gone has nobody to serve.
    setInterval(() => {
      if (process.ppid !== parent) stop();
    }, orphanCheckMs).unref();
  });
  process.on("exit", killWorkers);
  return {
    stopped,
    serving() {
      isServing = true;
    },
  };
}
