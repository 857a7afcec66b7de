import type { AuditRecord } from "./records.ts";

/** An audit record in its place: `hash` = SHA-256 of the canonical JSON of { seq, previousHash, record }. */
export interface ChainedRecord {
  seq: number;
  previousHash: string;
  /** Lower-case hex. */
  hash: string;
  record: AuditRecord;
}

/** The last link of a chain: how long it is, and what covers all of it. */
export interface ChainHead {
  seq: number;
  hash: string;
}
