import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { newId } from "../../src/core/ids.ts";
import type { Limits } from "../../src/core/meter.ts";
import { noLimits } from "../../src/objects/governing-limits.ts";
import { grantLifetimeMs, RateBook } from "../../src/objects/rate-book.ts";

const start = Date.UTC(2026, 10, 21);

/** Runs with a book in the storage of an object of its own; `make` opens it again, as a restart does. */
async function withBook(test: (make: () => RateBook) => void) {
  const stub = env.ALLOWANCE.getByName(`${newId("project")}/project/`);
  await runInDurableObject(stub, (_instance, state) => test(() => new RateBook(state.storage.sql)));
}

function draw(book: RateBook, limits: Limits, nowMs: number, due: { requests: number; tokens: number }, child = "a") {
  return book.draw(
    {
      child,
      used: [],
      requests: { due: due.requests, spare: 0 },
      tokens: { least: Math.min(1, due.tokens), due: due.tokens, spare: 0 },
      limits,
    },
    limits,
    nowMs,
  );
}

describe("a parent's rate", () => {
  it("lets no sliding minute see more than the limit, whenever its grants are used", async () => {
    const limits = { ...noLimits, requestsPerMinute: 20, tokensPerMinute: 1_000 };
    const steps = fc.array(
      fc.record({
        afterMs: fc.integer({ min: 0, max: 15_000 }),
        requests: fc.integer({ min: 1, max: 15 }),
        tokens: fc.integer({ min: 0, max: 700 }),
        lateMs: fc.integer({ min: 0, max: grantLifetimeMs }),
        restart: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    await withBook((make) => {
      let nowMs = start;
      fc.assert(
        fc.property(steps, (some) => {
          // Far from the round before: nothing of it counts any more.
          nowMs += 1_000_000;
          let book = make();
          const uses: { atMs: number; requests: number; tokens: number }[] = [];
          for (const { afterMs, requests, tokens, lateMs, restart } of some) {
            nowMs += afterMs;
            if (restart) book = make();
            const answer = draw(book, limits, nowMs, { requests, tokens });
            if (answer.granted) uses.push({ ...answer.grant, atMs: nowMs + lateMs });
          }
          for (const { atMs } of uses) {
            const window = uses.filter((use) => use.atMs > atMs - 60_000 && use.atMs <= atMs);
            expect(window.reduce((total, use) => total + use.requests, 0)).toBeLessThanOrEqual(20);
            expect(window.reduce((total, use) => total + use.tokens, 0)).toBeLessThanOrEqual(1_000);
          }
        }),
        { numRuns: 50 },
      );
    });
  });

  it("takes back what a child says it did not use, once", () =>
    withBook((make) => {
      const book = make();
      const limits = { ...noLimits, requestsPerMinute: 10 };
      const first = draw(book, limits, start, { requests: 10, tokens: 0 });
      if (!first.granted) throw new Error("nothing was granted");
      expect(draw(book, limits, start, { requests: 1, tokens: 0 }, "b").granted).toBe(false);
      for (let times = 0; times < 2; times += 1) book.close("a", [{ grantId: first.grant.id, requests: 4, tokens: 0 }]);
      const second = draw(book, limits, start, { requests: 10, tokens: 0 }, "b");
      expect(second).toMatchObject({ granted: true, grant: { requests: 6 } });
    }));

  it("says which limit is in the way and when to come back", () =>
    withBook((make) => {
      const book = make();
      const limits = { ...noLimits, requestsPerMinute: 5, tokensPerMinute: 100 };
      draw(book, limits, start, { requests: 2, tokens: 100 });
      expect(draw(book, limits, start + 1_000, { requests: 1, tokens: 50 })).toEqual({
        granted: false,
        limit: "tokens_per_minute",
        retryAfterMs: grantLifetimeMs + 59_000,
      });
      expect(draw(book, limits, start + grantLifetimeMs + 60_000, { requests: 1, tokens: 50 }).granted).toBe(true);
    }));
});
