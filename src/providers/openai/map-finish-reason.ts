import type { FinishReason } from "../../core/chat.ts";
import type { WireResponse } from "./wire.ts";

/** Why a response ended, or `null` for a status that is no end: nothing was asked for that could be cancelled or queued. */
export function mapFinishReason(response: WireResponse, hasToolCalls: boolean): FinishReason | null {
  if (response.status === "completed") return hasToolCalls ? "tool_calls" : "stop";
  if (response.status !== "incomplete") return null;
  return response.incomplete_details?.reason === "content_filter" ? "content_filter" : "length";
}
