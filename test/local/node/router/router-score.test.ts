import { execFile } from "node:child_process";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const run = promisify(execFile);
const script = join(import.meta.dirname, "../../../../src/local/node/router-score.ts");

async function scoreLines(...lines: string[]) {
  const path = join(await mkdtemp(join(tmpdir(), "router-score-")), "prompts.jsonl");
  await writeFile(path, lines.map((line) => `${line}\n`).join(""));
  return run(process.execPath, [script, path]);
}

it("answers each prompt with a line that holds its score", async () => {
  const { stdout } = await scoreLines('{"prompt":"Hello","id":1}', '{"prompt":""}');
  const scores = stdout.trimEnd().split("\n");
  expect(scores).toHaveLength(2);
  for (const line of scores) expect(JSON.parse(line)).toEqual({ score: expect.any(Number) });
});

it.each([
  ["is no JSON", "{", "it is not JSON"],
  ["has no prompt", '{"promt":"x"}', 'it is no object with a text under "prompt"'],
  ["is empty", "", "it is not JSON"],
])("names the line that %s", async (_what, line, message) => {
  await expect(scoreLines('{"prompt":"Hello"}', line)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(new RegExp(`prompts\\.jsonl, line 2: ${message}\\.`)),
  });
});
