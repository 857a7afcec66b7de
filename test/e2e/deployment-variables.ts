import { scriptedProviders } from "./scripted-providers.ts";

export const adminToken = "admin_e2e_admin_e2e_admin_e2e_admin_e2e";
/** What the deployment sends to the scripted provider, and nobody else may ever see. */
export const scriptedKey = "sk-scripted-provider-key-that-must-not-leak";
export const deploymentSecret = "e2e-secret-e2e-secret-e2e-secret-e2e";

/** The settings of a deployment under test: short patience, so that bad days pass quickly. */
export function deploymentVariables({
  providerUrl,
  modelsUrl,
}: {
  providerUrl: string;
  /** The local model server; without one there are no embeddings. */
  modelsUrl: string | null;
}): Record<string, string> {
  return {
    PARAPET_ENVIRONMENT: "local",
    PARAPET_SECRET: deploymentSecret,
    PARAPET_ADMIN_TOKEN: adminToken,
    PARAPET_PROVIDERS: JSON.stringify(scriptedProviders(providerUrl)),
    SCRIPTED_KEY: scriptedKey,
    PARAPET_HEADERS_TIMEOUT_MS: "1500",
    PARAPET_FIRST_TOKEN_TIMEOUT_MS: "1500",
    PARAPET_IDLE_TIMEOUT_MS: "1500",
    PARAPET_TOTAL_TIMEOUT_MS: "5000",
    PARAPET_BREAKER_COOLDOWN_MS: "1000",
    PARAPET_ORPHAN_AFTER_MS: "3000",
    ...(modelsUrl === null ? {} : { PARAPET_LOCAL_MODEL_URL: modelsUrl }),
  };
}
