import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { newId } from "../../src/core/ids.ts";
import type { KeyRow } from "../../src/db/key-store.ts";
import { KeyStandings } from "../../src/objects/key-standing.ts";

const start = Date.UTC(2026, 10, 21);
const row: KeyRow = {
  id: "key_a",
  rootId: "key_a",
  projectId: "prj_default",
  name: "test",
  scopes: ["chat"],
  requestsPerMinute: 7,
  tokensPerMinute: null,
  dailyBudgetMicros: null,
  monthlyBudgetMicros: null,
  onDisconnect: "abort",
  createdAtMs: start,
  expiresAtMs: null,
  revokedAtMs: null,
  rotatedFrom: null,
};
const outage = new AppError("storage_unavailable", "The database cannot be reached.");

/** Runs with the storage of an object of its own and a database that says what it is told to. */
async function withKeys(
  test: (keys: {
    make(): KeyStandings;
    database: { answer: KeyRow | null | AppError; reads: number };
  }) => Promise<void>,
) {
  const stub = env.METER.getByName(`prj_default/sub_${newId("request")}`);
  await runInDurableObject(stub, async (_instance, state) => {
    const database: { answer: KeyRow | null | AppError; reads: number } = { answer: row, reads: 0 };
    const findKey = async () => {
      database.reads += 1;
      if (database.answer instanceof AppError) throw database.answer;
      return database.answer;
    };
    await test({ make: () => new KeyStandings(state.storage, findKey), database });
  });
}

describe("what a meter knows of a key", () => {
  it("is read once for a burst of requests", () =>
    withKeys(async ({ make, database }) => {
      const keys = make();
      const standings = await Promise.all(Array.from({ length: 50 }, () => keys.standingOf("key_a", start)));
      expect(new Set(standings.map((standing) => standing?.limits.requestsPerMinute))).toEqual(new Set([7]));
      expect(database.reads).toBe(1);
    }));

  it("is never older than 10 s", () =>
    withKeys(async ({ make, database }) => {
      const keys = make();
      await keys.standingOf("key_a", start);
      database.answer = { ...row, revokedAtMs: start };
      expect((await keys.standingOf("key_a", start + 3_999))?.live).toBe(true);
      expect((await keys.standingOf("key_a", start + 9_001))?.live).toBe(false);
    }));

  it("is refreshed behind the answer before that", () =>
    withKeys(async ({ make, database }) => {
      const keys = make();
      await keys.standingOf("key_a", start);
      database.answer = { ...row, revokedAtMs: start };
      expect((await keys.standingOf("key_a", start + 5_000))?.live).toBe(true);
      expect((await keys.standingOf("key_a", start + 5_001))?.live).toBe(false);
    }));

  it("serves for an hour while the database is out of reach, over a restart too", () =>
    withKeys(async ({ make, database }) => {
      await make().standingOf("key_a", start);
      database.answer = outage;
      const restarted = make();
      expect((await restarted.standingOf("key_a", start + 3_000_000))?.live).toBe(true);
      await expect((async () => await restarted.standingOf("key_a", start + 3_700_000))()).rejects.toThrow(outage);
    }));

  it("is nothing for a key that was never seen while the database is out of reach", () =>
    withKeys(async ({ make, database }) => {
      database.answer = outage;
      await expect((async () => await make().standingOf("key_a", start))()).rejects.toThrow(outage);
    }));

  it("is that there is no such key, once it is gone", () =>
    withKeys(async ({ make, database }) => {
      const keys = make();
      await keys.standingOf("key_a", start);
      database.answer = null;
      expect(await keys.standingOf("key_a", start + 20_000)).toBeNull();
      database.answer = outage;
      await expect((async () => await make().standingOf("key_a", start + 20_001))()).rejects.toThrow(outage);
    }));
});
