import { parseArgs } from "node:util";
import { createProgressPrinter } from "./progress.ts";
import { describeAccess } from "./describe-access.ts";
import { watchForStop } from "./on-stop.ts";
import { serveUntilStopped, startStack } from "./start-stack.ts";

const help = `npm run dev [-- --port N]

Serves Parapet on this machine: the worker under wrangler dev, and a local model.
  --port N   the first port to try (8787)
PARAPET_LOCAL_MODEL names the model: a GGUF file, an OpenAI-compatible base URL (Ollama: http://127.0.0.1:11434/v1), or none.
`;

const { values } = parseArgs({ options: { port: { type: "string" }, help: { type: "boolean", short: "h" } } });
if (values.help === true) {
  process.stdout.write(help);
} else {
  try {
    const stop = watchForStop();
    const port = values.port === undefined ? undefined : Number(values.port);
    const stack = await startStack({ onProgress: createProgressPrinter(process.stdout), port });
    process.stdout.write(describeAccess(stack));
    stop.serving();
    await serveUntilStopped(stack, stop.stopped);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
