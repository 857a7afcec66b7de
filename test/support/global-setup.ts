import type { TestProject } from "vitest/node";
import { startScriptedProvider } from "./scripted-provider.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where the scripted provider of this run listens, without `/v1`. */
    scriptedProviderUrl: string;
  }
}

/** Starts one scripted provider for all the tests of a run; they get its address with `inject("scriptedProviderUrl")`. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const provider = await startScriptedProvider();
  project.provide("scriptedProviderUrl", provider.url);
  return () => provider.close();
}
