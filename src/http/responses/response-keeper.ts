import { AppError } from "../../core/errors.ts";
import type { Principal } from "../../core/principal.ts";
import { newItemId, sessionOfItem, sessionOfResponse } from "../../core/response-id.ts";
import type { Services } from "../../services.ts";
import { logError } from "../../telemetry/log.ts";
import type { ConversationItem } from "./input-items.ts";
import type { ResponseObject } from "./render-response.ts";

/** What is kept of one response: the items it was asked with (not those of earlier turns), and what was answered. */
export interface StoredTurn {
  input: (ConversationItem & { id: string })[];
  response: ResponseObject;
}

/** One subject's conversations, each in its session object, encrypted under the subject's own key. */
export interface ResponseKeeper {
  /** Whether this deployment keeps content at all. */
  keeps: boolean;
  /** The turns up to a response, the first one first. Throws `not_found` for what this subject cannot continue. */
  loadChain(responseId: string): Promise<StoredTurn[]>;
  /** The items with these ids, by id; those that are not there are missing. */
  loadItems(itemIds: string[]): Promise<Map<string, ConversationItem>>;
  load(responseId: string): Promise<StoredTurn>;
  /** False where it could not be kept, which is logged and no reason to withhold an answer that was paid for. */
  keep(session: string, turn: StoredTurn): Promise<boolean>;
  remove(responseId: string): Promise<void>;
}

type KeeperDeps = Pick<Services, "settings" | "clock" | "secretKeys" | "meterOf" | "responseSessionOf">;

const dayMs = 86_400_000;

export function createResponseKeeper(principal: Principal, deps: KeeperDeps): ResponseKeeper {
  const retentionMs = deps.settings.PARAPET_CONTENT_RETENTION_DAYS * dayMs;
  let key: Promise<string> | null = null;
  const contentKey = () => (key ??= reach(() => deps.meterOf(principal).contentKey()));
  const sessionFor = (responseId: string) => {
    const session = sessionOfResponse(responseId);
    if (session === null) throw notFound(responseId);
    return deps.responseSessionOf(principal, session);
  };

  const open = async (sealed: Uint8Array, responseId: string): Promise<StoredTurn> => {
    try {
      const text = await deps.secretKeys.decrypt(await contentKey(), Uint8Array.from(sealed));
      // Written by keep() from a StoredTurn; AES-GCM refuses anything else.
      return JSON.parse(text) as StoredTurn;
    } catch (cause) {
      if (cause instanceof AppError) throw cause;
      // The subject's key was destroyed or replaced: what it kept is gone.
      throw notFound(responseId, cause);
    }
  };

  return {
    keeps: retentionMs > 0,
    async loadChain(responseId) {
      const chain = await reach(async () => sessionFor(responseId).chain(responseId));
      if (chain.found) return Promise.all(chain.turns.map((sealed) => open(sealed, responseId)));
      if (chain.why === "full") {
        throw new AppError(
          "request_too_large",
          "previous_response_id: this conversation is as long as one is kept: start another, with what matters of it as input.",
          { param: "previous_response_id" },
        );
      }
      if (chain.why === "turn") throw notFound(responseId);
      throw new AppError(
        "not_found",
        "previous_response_id: an earlier turn of this conversation was deleted or has expired: start another.",
        { param: "previous_response_id" },
      );
    },
    async loadItems(itemIds) {
      const bySession = Map.groupBy(itemIds, sessionOfItem);
      bySession.delete(null);
      const found = new Map<string, ConversationItem>();
      for (const [session, ids] of bySession) {
        if (session === null) continue;
        const sealed = await reach(async () => deps.responseSessionOf(principal, session).readTurnsOf(ids));
        for (const turn of await Promise.all(sealed.map((bytes) => open(bytes, ids[0] ?? "")))) {
          for (const item of [...turn.input, ...turn.response.output]) found.set(item.id, item);
        }
      }
      return found;
    },
    async load(responseId) {
      const sealed = await reach(async () => sessionFor(responseId).read(responseId));
      if (sealed === null) throw notFound(responseId);
      return open(sealed, responseId);
    },
    async keep(session, turn) {
      const { response, input } = turn;
      try {
        const sealed = await deps.secretKeys.encrypt(await contentKey(), JSON.stringify(turn));
        const isKept = await deps.responseSessionOf(principal, session).keep({
          id: response.id,
          parent: response.previous_response_id,
          expiresAtMs: deps.clock() + retentionMs,
          sealed,
          itemIds: [...input, ...response.output].map((item) => item.id),
        });
        return isKept;
      } catch (cause) {
        logError("response.keep_failed", { project: principal.projectId }, cause);
        return false;
      }
    },
    async remove(responseId) {
      const isRemoved = await reach(async () => sessionFor(responseId).delete(responseId));
      if (!isRemoved) throw notFound(responseId);
    },
  };
}

/** The items of a request with the ids by which they can be listed and referred to. */
export function identifyItems(
  items: readonly ConversationItem[],
  session: string,
): (ConversationItem & { id: string })[] {
  return items.map((item) => {
    const prefix =
      item.type === "function_call"
        ? "fc"
        : item.type === "reasoning"
          ? "rs"
          : item.type === "function_call_output"
            ? "item"
            : "msg";
    return { ...item, id: item.id ?? newItemId(prefix, session) };
  });
}

/** One answer for an id that is none, another subject's, deleted and expired. */
function notFound(responseId: string, cause?: unknown): AppError {
  return new AppError("not_found", `There is no response ${JSON.stringify(responseId.slice(0, 80))} for you.`, {
    cause,
  });
}

async function reach<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("storage_unavailable", "Kept responses cannot be reached right now. Try again shortly.", {
      cause,
      retryAfterMs: 2000,
    });
  }
}
