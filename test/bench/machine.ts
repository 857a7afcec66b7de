import { cpus, totalmem } from "node:os";

/** The machine a figure was measured on, as every table says it. */
export function machine(): string {
  const [cpu] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  return `${cpu?.model ?? "unknown processor"}, ${cpus().length} cores, ${memory} GiB; Node ${process.version}`;
}
