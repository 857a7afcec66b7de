import { observeMeter, type DetachedRun } from "../core/detached-run.ts";
import type { Services } from "../services.ts";

/** The services of a run apart from its client: whoever runs it hears of what it costs. */
export function observedServices(services: Services, run: DetachedRun): Services {
  const meterOf = (principal: Parameters<Services["meterOf"]>[0]) => observeMeter(services.meterOf(principal), run);
  return {
    ...services,
    meterOf,
    gateway: { ...services.gateway, meterOf },
    ingestion: { ...services.ingestion, meterOf },
  };
}
