import { WorkerEntrypoint } from "cloudflare:workers";
import { runLocalAI, type LocalAIOptions, type LocalAIOutput } from "./ai.ts";

interface LocalAIEnv {
  PARAPET_LOCAL_MODEL_URL?: string;
}

/** Stands where production has the Workers AI binding: `run` with the same inputs, outputs and errors, on `local/…` models. */
export class LocalAI extends WorkerEntrypoint<LocalAIEnv> {
  run(model: string, inputs: unknown, options?: LocalAIOptions): Promise<LocalAIOutput> {
    return runLocalAI({ baseUrl: this.env.PARAPET_LOCAL_MODEL_URL }, model, inputs, options);
  }
}
