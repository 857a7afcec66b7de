import { runInDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { Remembered } from "../../src/objects/remembered.ts";
import { allowanceOf, newProject } from "../support/nested-budgets.ts";

const minuteMs = 60_000;
const down = () => Promise.reject(new AppError("storage_unavailable", "D1 is down."));

function inObject(run: (storage: DurableObjectStorage) => Promise<void>): Promise<void> {
  return runInDurableObject(allowanceOf(newProject(), "project"), (_instance, { storage }) => run(storage));
}

describe("what is remembered of D1", () => {
  it("serves an outage after an eviction for at least half an hour from its last confirmation, and no longer than an hour", () =>
    inObject(async (storage) => {
      const before = new Remembered(storage, "test:", async () => "value");
      // Confirmed every minute for two hours, never changed.
      const lastMs = 120 * minuteMs;
      for (let nowMs = 0; nowMs <= lastMs; nowMs += minuteMs) await before.valueOf("one", nowMs);

      const evicted = () => new Remembered<string>(storage, "test:", down);
      expect(await evicted().valueOf("one", lastMs + 29 * minuteMs)).toBe("value");
      await expect(evicted().valueOf("one", lastMs + 60 * minuteMs)).rejects.toThrow("D1 is down.");
    }));

  it("is written when it changes, and else twice an hour at most", () =>
    inObject(async (storage) => {
      let writes = 0;
      const counting = Object.create(storage, {
        kv: { value: { get: storage.kv.get.bind(storage.kv), put: () => void (writes += 1) } },
      }) as DurableObjectStorage;
      let value = "one";
      const remembered = new Remembered(counting, "test:", async () => value);
      for (let nowMs = 0; nowMs < 60 * minuteMs; nowMs += minuteMs) await remembered.valueOf("name", nowMs);
      expect(writes).toBe(2);
      value = "other";
      await remembered.valueOf("name", 60 * minuteMs);
      expect(writes).toBe(3);
    }));
});
