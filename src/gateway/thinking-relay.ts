import type { ThinkingBlock } from "../core/chat.ts";
import type { StreamPart } from "../core/model.ts";
import type { Guardrails } from "../guardrails/run-guardrails.ts";

export type ThinkingPart =
  | { type: "thinking-delta"; text: string }
  /** A whole block of thinking; its text may have come in deltas before. */
  | { type: "thinking-end"; block: ThinkingBlock };

/** Passes thinking on as the answer is: filtered, as soon as no rule can match in it any more. */
export interface ThinkingRelay {
  push(part: StreamPart): ThinkingPart[];
  /** The blocks that were passed on. */
  blocks(): ThinkingBlock[];
}

export function createThinkingRelay(context: { allowedUrls: string[] }, guardrails: Guardrails): ThinkingRelay {
  const blocks: ThinkingBlock[] = [];
  let filter = guardrails.createOutputFilter(context);
  let shown = "";

  const show = (text: string): ThinkingPart[] => {
    shown += text;
    return text === "" ? [] : [{ type: "thinking-delta", text }];
  };

  /** A changed text has no valid signature: it ends as the plain text that was shown. */
  const finish = (block: ThinkingBlock): ThinkingBlock =>
    block.type === "redacted_thinking" || block.thinking === shown ? block : { type: "thinking", thinking: shown };

  return {
    push(part) {
      if (part.type === "thinking-delta") return show(filter.push(part.text));
      if (part.type !== "thinking-end") return [];
      const { block } = part;
      // Some providers send a block only whole.
      const unseen = block.type === "thinking" && shown === "" ? filter.push(block.thinking) : "";
      const parts = show(unseen + filter.flush());
      const safe = finish(block);
      blocks.push(safe);
      filter = guardrails.createOutputFilter(context);
      shown = "";
      return [...parts, { type: "thinking-end", block: safe }];
    },
    blocks: () => blocks,
  };
}
