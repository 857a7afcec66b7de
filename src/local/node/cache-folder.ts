import { homedir } from "node:os";
import { join } from "node:path";

/** Where the engine and the weights are kept between checkouts: `PARAPET_CACHE_DIR`, else the platform's cache folder. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env["PARAPET_CACHE_DIR"]) return env["PARAPET_CACHE_DIR"];
  if (env["XDG_CACHE_HOME"]) return join(env["XDG_CACHE_HOME"], "parapet");
  if (platform === "win32" && env["LOCALAPPDATA"]) return join(env["LOCALAPPDATA"], "parapet", "cache");
  return join(homedir(), ".cache", "parapet");
}
