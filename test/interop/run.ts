import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { assertNode } from "../../src/local/node/assert-node.ts";
import { adminToken } from "../e2e/deployment-variables.ts";
import { startTestDeployment } from "../e2e/deployment.ts";

// `npm run test:interop`: clients of other languages, unmodified, against a deployment of its own. Needs Python 3 and PyPI,
// which is why it is no part of `npm test`.

const root = join(import.meta.dirname, "..", "..");
const environment = join(root, ".parapet", "interop-python");

assertNode();
const python = join(environment, "bin", "python");
if (!existsSync(python)) await run("python3", ["-m", "venv", environment]);
await run(python, ["-m", "pip", "install", "--quiet", "-r", join(import.meta.dirname, "requirements.txt")]);

const deployment = await startTestDeployment();
try {
  const response = await fetch(`${deployment.url}/v1/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "interop", scopes: ["chat", "embeddings"] }),
  });
  const { key } = (await response.json()) as { key: string };
  await run(python, [join(import.meta.dirname, "openai_client.py")], { PARAPET_URL: deployment.url, PARAPET_KEY: key });
} finally {
  await deployment.stop();
}

function run(command: string, args: string[], variables: Record<string, string> = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env: { ...process.env, ...variables } });
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended with ${code}`))));
  });
}
