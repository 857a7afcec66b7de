import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";
import { scorePrompt } from "../../gateway/router/router-model.ts";
import { shippedModel } from "../../gateway/router/shipped-model.ts";

const usage = `npm run -s router:score -- FILE.jsonl

One {"prompt": "…"} a line in, one {"score": number} a line out: the higher, the more the prompt needs a strong model.
`;

const line = z.object({ prompt: z.string() });

/** Other fields are ignored; what is not a prompt is refused by its line. */
function readPromptOf(text: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  const row = line.safeParse(parsed);
  if (!row.success) throw new Error('it is no object with a text under "prompt"');
  return row.data.prompt;
}

async function scoreFile(path: string): Promise<void> {
  const model = shippedModel();
  const input = createReadStream(path, "utf8");
  let number = 0;
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    try {
      process.stdout.write(`${JSON.stringify({ score: scorePrompt(model, readPromptOf(text)) })}\n`);
    } catch (cause) {
      throw new Error(`${path}, line ${number}: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause });
    }
  }
}

const [path, ...more] = process.argv.slice(2);
if (path === "--help") process.stdout.write(usage);
else if (path === undefined || more.length > 0) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await scoreFile(path).catch((cause: unknown) => {
    process.stderr.write(`${cause instanceof Error ? cause.message : String(cause)}\n`);
    process.exitCode = 1;
  });
}
