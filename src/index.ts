import { loadEvalDeployment } from "./eval-deployment.ts";
import { createReplay } from "./objects/replay.ts";
import { createEvalRunner } from "./objects/eval-runner.ts";
import { loadServices } from "./services.ts";
import { createWorker } from "./worker.ts";

/** What production deploys: the worker and its Durable Objects, nothing else. */
const worker = createWorker(loadServices);
export default worker;
export { CollectionIndex } from "./objects/collection-index.ts";
export { Collector } from "./objects/collector.ts";
export { Meter } from "./objects/meter.ts";
export { Allowance } from "./objects/allowance.ts";
export { ProviderHealth } from "./objects/provider-health.ts";
export { ResponseCache } from "./objects/response-cache.ts";
export { ResponseSession } from "./objects/response-session.ts";
export class Replay extends createReplay(worker.fetch) {}
export class EvalRunner extends createEvalRunner(loadEvalDeployment) {}
