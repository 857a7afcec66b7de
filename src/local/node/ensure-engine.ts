import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OnProgress } from "./progress.ts";
import { runCommand } from "./run-command.ts";

/** The prebuilt binaries of a platform: the engine runs only with binaries of its own version. */
export interface EngineBuild {
  binaries: string;
  version: string;
}

const installTimeoutMs = 10 * 60_000;

/**
 * The one package of prebuilt binaries each platform needs; a plain install would bring 850 MB of GPU builds. The binaries
 * for macOS and Windows were not published for 3.22.1, so those platforms stay at the last version that has them.
 */
const builds: Partial<Record<string, EngineBuild>> = {
  "linux-x64": { binaries: "@node-llama-cpp/linux-x64", version: "3.22.1" },
  "linux-arm64": { binaries: "@node-llama-cpp/linux-arm64", version: "3.22.1" },
  "linux-arm": { binaries: "@node-llama-cpp/linux-armv7l", version: "3.22.1" },
  "darwin-arm64": { binaries: "@node-llama-cpp/mac-arm64-metal", version: "3.21.1" },
  "darwin-x64": { binaries: "@node-llama-cpp/mac-x64", version: "3.21.1" },
  "win32-x64": { binaries: "@node-llama-cpp/win-x64", version: "3.21.1" },
  "win32-arm64": { binaries: "@node-llama-cpp/win-arm64", version: "3.21.1" },
};

export function engineBuildFor(platform: string, arch: string): EngineBuild | null {
  return builds[`${platform}-${arch}`] ?? null;
}

/**
 * The path of node-llama-cpp's entry module in the cache folder, installed there on first use (85 MB, exact versions, no
 * install scripts). Throws with a sentence when this platform has no prebuilt engine or the install fails.
 */
export async function ensureEngine({ cache, onProgress }: { cache: string; onProgress: OnProgress }): Promise<string> {
  const platform = `${process.platform}-${process.arch}`;
  const build = engineBuildFor(process.platform, process.arch);
  if (build === null) throw new Error(`There is no prebuilt llama.cpp for ${platform}.`);
  const folder = join(cache, `engine-${build.version}-${platform}`);
  if (await isInstalled(folder, build)) return entryOf(folder);

  onProgress({ message: `Installing the model engine (node-llama-cpp ${build.version}, about 85 MB) into ${folder}` });
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(`${folder}.tmp-`);
  try {
    await writeFile(join(temporary, "package.json"), '{ "private": true }\n');
    await runCommand({ ...npmInstall(temporary, build), cwd: temporary, timeoutMs: installTimeoutMs });
    if (!(await isInstalled(temporary, build))) throw new Error("npm finished, but the engine's files are not there.");
    await moveIntoPlace(temporary, folder, build);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  onProgress({ message: "The model engine is installed." });
  return entryOf(folder);
}

function npmInstall(folder: string, { binaries, version }: EngineBuild): { file: string; args: string[] } {
  const flags = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--save-exact"];
  const packages = [`node-llama-cpp@${version}`, `${binaries}@${version}`];
  const args = ["install", `--prefix=${folder}`, ...flags, ...packages];
  const npmScript = process.env["npm_execpath"];
  // Under `npm run` npm says where it is; that also works where npm is not on the PATH.
  return npmScript?.endsWith("npm-cli.js")
    ? { file: process.execPath, args: [npmScript, ...args] }
    : { file: "npm", args };
}

async function moveIntoPlace(temporary: string, folder: string, build: EngineBuild): Promise<void> {
  try {
    await rename(temporary, folder);
  } catch (cause) {
    // Another process may have finished the same install first: theirs is as good.
    if (await isInstalled(folder, build)) return;
    await rm(folder, { recursive: true, force: true });
    await rename(temporary, folder).catch(() => {
      throw new Error(`The engine could not be moved to ${folder}.`, { cause });
    });
  }
}

async function isInstalled(folder: string, { binaries }: EngineBuild): Promise<boolean> {
  try {
    await access(entryOf(folder));
    await access(join(folder, "node_modules", binaries, "package.json"));
    return true;
  } catch {
    return false;
  }
}

function entryOf(folder: string): string {
  return join(folder, "node_modules", "node-llama-cpp", "dist", "index.js");
}
