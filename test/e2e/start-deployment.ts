import type { TestProject } from "vitest/node";
import { adminToken } from "./deployment-variables.ts";
import { startTestDeployment } from "./deployment.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The deployment under test. */
    baseUrl: string;
    adminToken: string;
    /** The scripted provider, without `/v1`. */
    providerUrl: string;
    emptyEnvFile: string;
  }
}

/** Starts what every end-to-end test talks to. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const deployment = await startTestDeployment();
  project.provide("baseUrl", deployment.url);
  project.provide("adminToken", adminToken);
  project.provide("providerUrl", deployment.providerUrl);
  project.provide("emptyEnvFile", deployment.emptyEnvFile);
  return () => deployment.stop();
}
