import groundedAnswerCurrent from "../../prompts/grounded-answer/current";
import groundedAnswerV1_0 from "../../prompts/grounded-answer/v1.0.md";
import groundedAnswerSmallCurrent from "../../prompts/grounded-answer-small/current";
import groundedAnswerSmallV1_0 from "../../prompts/grounded-answer-small/v1.0.md";
import continueAnswerCurrent from "../../prompts/continue-answer/current";
import continueAnswerV1_0 from "../../prompts/continue-answer/v1.0.md";
import repairAnswerCurrent from "../../prompts/repair-answer/current";
import repairAnswerV1_0 from "../../prompts/repair-answer/v1.0.md";
import repairToolCallCurrent from "../../prompts/repair-tool-call/current";
import repairToolCallV1_0 from "../../prompts/repair-tool-call/v1.0.md";
import { sha256Hex } from "../core/hash.ts";
import { parsePrompt, type Prompt } from "./parse-prompt.ts";

/** Every bundled version of every prompt, and the version that is live. */
const bundled = {
  "grounded-answer": { current: groundedAnswerCurrent, versions: [groundedAnswerV1_0] },
  "grounded-answer-small": { current: groundedAnswerSmallCurrent, versions: [groundedAnswerSmallV1_0] },
  "continue-answer": { current: continueAnswerCurrent, versions: [continueAnswerV1_0] },
  "repair-answer": { current: repairAnswerCurrent, versions: [repairAnswerV1_0] },
  "repair-tool-call": { current: repairToolCallCurrent, versions: [repairToolCallV1_0] },
} satisfies Record<string, { current: string; versions: string[] }>;

export type PromptName = keyof typeof bundled;

export interface PromptLibrary {
  /** The live version. */
  current(name: PromptName): Prompt;
}

/** Parses what the bundle carries; a file that does not parse stops the start, not a request. */
export async function loadPrompts(): Promise<PromptLibrary> {
  const entries = await Promise.all(
    Object.entries(bundled).map(async ([name, { current, versions }]) => {
      const prompts = await Promise.all(versions.map(async (file) => parsePrompt(file, await sha256Hex(file))));
      const live = prompts.find((prompt) => prompt.version === current.trim());
      if (live === undefined || live.name !== name) throw new Error(`prompts/${name}/current names no bundled version`);
      return [name, live] as const;
    }),
  );
  const live = new Map<string, Prompt>(entries);
  return {
    current(name) {
      const prompt = live.get(name);
      if (prompt === undefined) throw new Error(`no prompt ${name}`);
      return prompt;
    },
  };
}
