import { createHash } from "node:crypto";
import type { ChainedRecord, ChainHead } from "../core/chain.ts";
import { canonicalJson } from "../core/hash.ts";
import type { AuditRecord } from "../core/records.ts";

export const genesis: ChainHead = { seq: 0, hash: "0".repeat(64) };

/** Synchronous on purpose: the collector chains inside a storage transaction, which must not await. */
export function chainAfter(head: ChainHead, record: AuditRecord): ChainedRecord {
  const seq = head.seq + 1;
  return { seq, previousHash: head.hash, hash: hashOf({ seq, previousHash: head.hash, record }), record };
}

export type ChainBreak = { seq: number; reason: "gap" | "edited" | "reordered" };

/** Checks a run of records against the head before it; the first break ends the check. */
export function verifyChain(
  start: ChainHead,
  entries: Iterable<ChainedRecord>,
): { head: ChainHead; broken: ChainBreak | null } {
  let head = start;
  for (const entry of entries) {
    if (entry.seq !== head.seq + 1) return { head, broken: { seq: head.seq + 1, reason: "gap" } };
    if (entry.previousHash !== head.hash) return { head, broken: { seq: entry.seq, reason: "reordered" } };
    if (hashOf(entry) !== entry.hash) return { head, broken: { seq: entry.seq, reason: "edited" } };
    head = { seq: entry.seq, hash: entry.hash };
  }
  return { head, broken: null };
}

function hashOf({ seq, previousHash, record }: Pick<ChainedRecord, "seq" | "previousHash" | "record">): string {
  return createHash("sha256").update(canonicalJson({ seq, previousHash, record })).digest("hex");
}
