import type { Limits } from "../core/meter.ts";
import type { RateAnswer, RateDraw, RateUse } from "./allowance-contract.ts";
import { sizeSlice } from "./slice-arithmetic.ts";

/** A grant is used up or lost after this long… */
export const grantLifetimeMs = 4_000;
/** …and whatever was admitted from it counts for a minute more, so that no sliding minute sees more than the limit. */
const countsForMs = grantLifetimeMs + 60_000;

interface Grant {
  id: number;
  child: string;
  atMs: number;
  requests: number;
  tokens: number;
}

/** A parent's grants of requests and tokens that still count. The table is the owner's to create. */
export class RateBook {
  static readonly schema = `create table rate_grant (id integer primary key autoincrement, child text not null, at_ms integer not null,
     requests integer not null, tokens integer not null)`;

  readonly #sql: SqlStorage;
  /** Oldest first, as a Map keeps its order. */
  readonly #grants = new Map<number, Grant>();
  #requests = 0;
  #tokens = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    const rows = sql.exec<{ id: number; child: string; at_ms: number; requests: number; tokens: number }>(
      "select * from rate_grant order by id",
    );
    for (const { id, child, at_ms: atMs, requests, tokens } of rows) this.#keep({ id, child, atMs, requests, tokens });
  }

  /** Grants what is due and something to spare, or says which limit is in the way and until when. */
  draw(draw: RateDraw, limits: Limits, nowMs: number): RateAnswer {
    this.#expire(nowMs);
    const openRequests = open(limits.requestsPerMinute, this.#requests);
    const openTokens = open(limits.tokensPerMinute, this.#tokens);
    if (openRequests < 1) return this.#refuse("requests_per_minute", 1 - openRequests, nowMs);
    if (openTokens < draw.tokens.least) return this.#refuse("tokens_per_minute", draw.tokens.least - openTokens, nowMs);
    const children = new Set([...this.#grants.values()].map(({ child }) => child)).size + 1;
    const requests = sizeOf({ available: openRequests, ...draw.requests, children });
    const tokens = sizeOf({ available: openTokens, ...draw.tokens, children });
    const { id } = this.#sql
      .exec<{ id: number }>(
        "insert into rate_grant (child, at_ms, requests, tokens) values (?, ?, ?, ?) returning id",
        draw.child,
        nowMs,
        requests,
        tokens,
      )
      .one();
    this.#keep({ id, child: draw.child, atMs: nowMs, requests, tokens });
    return { granted: true, grant: { id, requests, tokens, lifetimeMs: grantLifetimeMs } };
  }

  /** A child will use no more of these grants than it says; a late message lowers nothing again. */
  close(child: string, used: readonly RateUse[]): void {
    for (const { grantId, requests, tokens } of used) {
      const grant = this.#grants.get(grantId);
      if (grant === undefined || grant.child !== child) continue;
      const kept = { requests: Math.min(grant.requests, requests), tokens: Math.min(grant.tokens, tokens) };
      if (kept.requests === grant.requests && kept.tokens === grant.tokens) continue;
      this.#sql.exec(
        "update rate_grant set requests = ?, tokens = ? where id = ?",
        kept.requests,
        kept.tokens,
        grantId,
      );
      this.#requests -= grant.requests - kept.requests;
      this.#tokens -= grant.tokens - kept.tokens;
      grant.requests = kept.requests;
      grant.tokens = kept.tokens;
    }
  }

  /** Children that may still hold something unused. */
  listHolders(nowMs: number): string[] {
    const holders = new Set<string>();
    for (const { child, atMs } of this.#grants.values()) if (atMs + grantLifetimeMs > nowMs) holders.add(child);
    return [...holders];
  }

  #refuse(limit: "requests_per_minute" | "tokens_per_minute", over: number, nowMs: number): RateAnswer {
    let missing = over;
    for (const grant of this.#grants.values()) {
      missing -= limit === "requests_per_minute" ? grant.requests : grant.tokens;
      if (missing <= 0) return { granted: false, limit, retryAfterMs: Math.max(1, grant.atMs + countsForMs - nowMs) };
    }
    return { granted: false, limit, retryAfterMs: countsForMs };
  }

  #expire(nowMs: number): void {
    for (const grant of this.#grants.values()) {
      if (grant.atMs + countsForMs > nowMs) return;
      this.#grants.delete(grant.id);
      this.#requests -= grant.requests;
      this.#tokens -= grant.tokens;
      this.#sql.exec("delete from rate_grant where id = ?", grant.id);
    }
  }

  #keep(grant: Grant): void {
    this.#grants.set(grant.id, grant);
    this.#requests += grant.requests;
    this.#tokens += grant.tokens;
  }
}

function open(limit: number | null, counted: number): number {
  return limit === null ? Infinity : limit - counted;
}

function sizeOf(slice: { available: number; due: number; spare: number; children: number }): number {
  return slice.available === Infinity ? slice.due + slice.spare : sizeSlice(slice);
}
