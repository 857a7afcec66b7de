const neededMajor = 22;

/** npm puts the `node` package's Node 24 first on PATH; an install without scripts silently leaves the system's. */
export function assertNode(version = process.versions.node): void {
  const major = Number(version.split(".")[0]);
  if (major >= neededMajor) return;
  throw new Error(
    `This needs Node ${neededMajor} or later and runs on ${version}. Start it through npm (npm run dev), and if that does not help, run \`npm ci\` again without --ignore-scripts.`,
  );
}
