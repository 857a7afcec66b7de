import { describe, expect, it } from "vitest";
import { chainAfter, genesis, verifyChain } from "../../src/audit/chain.ts";
import type { ChainedRecord } from "../../src/core/chain.ts";
import type { AuditRecord } from "../../src/core/records.ts";

function record(action: string): AuditRecord {
  return {
    id: `aud_${action}`,
    atMs: 1_763_700_000_000,
    projectId: "prj_test",
    actor: "key_test",
    subjectId: "sub_test",
    traceId: "0".repeat(32),
    action,
    target: null,
    outcome: "ok",
    estimated: false,
    costMicros: 5,
    verdicts: [],
    detail: { b: 1, a: "x" },
  };
}

function chain(length: number): ChainedRecord[] {
  const entries: ChainedRecord[] = [];
  for (let index = 0; index < length; index += 1) {
    entries.push(chainAfter(entries[entries.length - 1] ?? genesis, record(`act${index}`)));
  }
  return entries;
}

describe("the audit chain", () => {
  it("verifies as written, in one piece or in pages", () => {
    const entries = chain(5);
    expect(verifyChain(genesis, entries)).toEqual({ head: { seq: 5, hash: entries[4]?.hash }, broken: null });
    const half = verifyChain(genesis, entries.slice(0, 2));
    expect(verifyChain(half.head, entries.slice(2)).broken).toBeNull();
  });

  it("does not depend on the order of an object's keys", () => {
    const entries = chain(2).map((entry) => ({ ...entry, record: { ...entry.record, detail: { a: "x", b: 1 } } }));
    expect(verifyChain(genesis, entries).broken).toBeNull();
  });

  it("locates an edited record", () => {
    const entries = chain(5).map((entry) =>
      entry.seq === 3 ? { ...entry, record: { ...entry.record, costMicros: 4 } } : entry,
    );
    expect(verifyChain(genesis, entries).broken).toEqual({ seq: 3, reason: "edited" });
  });

  it("locates a missing record", () => {
    expect(
      verifyChain(
        genesis,
        chain(5).filter((entry) => entry.seq !== 3),
      ).broken,
    ).toEqual({ seq: 3, reason: "gap" });
  });

  it("locates records that changed places", () => {
    const [first, second, third] = chain(3);
    if (first === undefined || second === undefined || third === undefined) throw new Error("a chain of three");
    const swapped = [first, { ...third, seq: 2 }, { ...second, seq: 3 }];
    expect(verifyChain(genesis, swapped).broken).toEqual({ seq: 2, reason: "reordered" });
  });
});
