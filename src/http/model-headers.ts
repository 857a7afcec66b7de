import type { Completion } from "../gateway/completion.ts";
import type { StreamedCompletion } from "../gateway/stream-completion.ts";

/** What the headers of a whole answer say of how it came about. */
export function completionHeaders({ answer, parapet }: Completion): Record<string, string> {
  return {
    ...headersOf({ model: answer.model, routeReason: parapet.route.reason, cache: parapet.cache }),
    "x-parapet-cost": String(parapet.cost_micros),
  };
}

/** The same of a stream, whose cost is known at its end, and is in there. */
export function streamHeaders(streamed: StreamedCompletion): Record<string, string> {
  return {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache, no-transform",
    ...headersOf(streamed),
  };
}

function headersOf({ model, routeReason, cache }: Pick<StreamedCompletion, "model" | "routeReason" | "cache">) {
  return { "x-parapet-model": model, "x-parapet-route": headerText(routeReason), "x-parapet-cache": cache };
}

/** Header values are Latin-1 without line breaks. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 500);
}
