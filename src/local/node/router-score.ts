import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
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

async function* scoreFile(path: string): AsyncGenerator<string> {
  const model = shippedModel();
  const input = createReadStream(path, "utf8");
  let number = 0;
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    number++;
    try {
      yield `${JSON.stringify({ score: scorePrompt(model, readPromptOf(text)) })}\n`;
    } catch (cause) {
      throw new Error(`${path}, line ${number}: ${messageOf(cause)}.`, { cause });
    }
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** Whoever reads the output may stop before its end, as `head` does. */
function isClosedPipe(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "EPIPE";
}

const [path, ...more] = process.argv.slice(2);
if (path === "--help") process.stdout.write(usage);
else if (path === undefined || more.length > 0) {
  process.stderr.write(usage);
  process.exitCode = 2;
} else {
  await pipeline(scoreFile(path), process.stdout, { end: false }).catch((cause: unknown) => {
    if (isClosedPipe(cause)) return;
    process.stderr.write(`${messageOf(cause)}\n`);
    process.exitCode = 1;
  });
}
