import { loadEvalDeployment } from "./eval-deployment.ts";
import { createEvalRunner } from "./objects/eval-runner.ts";
import { loadServices } from "./services.ts";
import { createWorker } from "./worker.ts";

/** What production deploys: the worker and its Durable Objects, nothing else. */
export default createWorker(loadServices);
export { CollectionIndex } from "./objects/collection-index.ts";
export { Collector } from "./objects/collector.ts";
export { Meter } from "./objects/meter.ts";
export class EvalRunner extends createEvalRunner(loadEvalDeployment) {}
