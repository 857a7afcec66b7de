import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { createSecretKeys, type SecretKeys } from "../../src/core/secret-keys.ts";
import {
  claimAnswer,
  isWorthKeeping,
  type AnswerLead,
  type CachedRequest,
  type ClaimedAnswer,
  type ResponseCacheDeps,
} from "../../src/gateway/response-cache.ts";
import { answerOf, ask, card, reader } from "./answers.ts";

let keys: SecretKeys;
let contentKey: string;
let projects = 0;
let projectId: string;

beforeAll(async () => {
  keys = await createSecretKeys("response-cache-test-response-cache-test");
  contentKey = await keys.newContentKey();
});

beforeEach(() => {
  projects += 1;
  projectId = `prj_cache_${projects}`;
});

const use = { parapet: { cache: { mode: "use" } } };

function deps(more: Partial<ResponseCacheDeps> = {}): ResponseCacheDeps {
  return {
    clock: Date.now,
    cacheOf: (name) => env.RESPONSE_CACHE.getByName(name),
    keys,
    defaultTtlMs: 0,
    policyVersion: "p1",
    ...more,
  };
}

function request(body: object = use, more: Partial<CachedRequest> = {}): CachedRequest {
  return {
    principal: reader({ projectId }),
    request: ask(body),
    sources: null,
    candidate: { card, maxOutputTokens: 1_000 },
    prompt: null,
    contentKey,
    traceId: "trace-1",
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    waitUntil: () => undefined,
    ...more,
  };
}

const claim = (body?: object, more: Partial<CachedRequest> = {}, given = deps()) =>
  claimAnswer(request(body, more), given);

function leadOf(claimed: ClaimedAnswer): AnswerLead {
  if ("lead" in claimed) return claimed.lead;
  throw new Error(`no lead: ${JSON.stringify(claimed)}`);
}

function textOf(claimed: ClaimedAnswer): string | null {
  return "hit" in claimed ? claimed.hit.answer.content : "off" in claimed ? "off" : "lead";
}

async function keep(text: string, body: object = use, more: Partial<CachedRequest> = {}): Promise<void> {
  await leadOf(await claim(body, more)).keep(answerOf(text));
}

describe("an equal request", () => {
  it("gets the first one's answer, and where it comes from", async () => {
    await keep("one", use, { traceId: "trace-of-the-first" });
    const claimed = await claim();
    expect(claimed).toMatchObject({ hit: { answer: answerOf("one"), traceId: "trace-of-the-first" } });
  });

  it("is asked anew when it says `refresh`, and what it brings is kept", async () => {
    await keep("one");
    const lead = leadOf(await claim({ parapet: { cache: { mode: "refresh" } } }));
    expect(textOf(await claim())).toBe("one");
    await lead.keep(answerOf("two"));
    expect(textOf(await claim())).toBe("two");
  });

  it("is asked anew once the answer's time is over", async () => {
    const brief = { parapet: { cache: { mode: "use", ttl_ms: 1_000 } } };
    await keep("one", brief);
    expect(textOf(await claim(brief))).toBe("one");
    await runInDurableObject(env.RESPONSE_CACHE.getByName(`${projectId}/sub_alice`), (_object, state) => {
      state.storage.sql.exec("update answer set expires_at_ms = expires_at_ms - 1000");
    });
    expect(textOf(await claim(brief))).toBe("lead");
  });

  it("is asked anew when what is kept cannot be read any more, and finds the new answer then", async () => {
    await keep("one");
    const replaced = { contentKey: await keys.newContentKey() };
    await leadOf(await claim(use, replaced)).keep(answerOf("two"));
    expect(textOf(await claim(use, replaced))).toBe("two");
  });

  it("of another subject never gets it, unless it is shared among readers with the same rights", async () => {
    const bob = { principal: reader({ projectId, subjectId: "sub_bob" }), contentKey: await keys.newContentKey() };
    await keep("alice's");
    expect(textOf(await claim(use, bob))).toBe("lead");
    const shared = { parapet: { cache: { mode: "use", shared: true } } };
    await keep("everybody's", shared);
    expect(textOf(await claim(shared, bob))).toBe("everybody's");
    const staff = { principal: reader({ projectId, subjectId: "sub_carol", groups: ["staff"] }) };
    expect(textOf(await claim(shared, staff))).toBe("lead");
  });
});

describe("the cache has no part in a request", () => {
  it.each([
    ["that does not ask for it", {}],
    ["that says `off`", { parapet: { cache: { mode: "off" } } }],
    ["that is sensitive", { parapet: { sensitive: true, cache: { mode: "use" } } }],
  ])("%s", async (_what, body) => {
    expect(await claim(body)).toEqual({ off: true });
  });

  it("that says `off`, or is sensitive, where the deployment caches by default", async () => {
    const given = deps({ defaultTtlMs: 60_000 });
    expect(await claim({ parapet: { cache: { mode: "off" } } }, {}, given)).toEqual({ off: true });
    expect(await claim({ parapet: { sensitive: true } }, {}, given)).toEqual({ off: true });
    expect(textOf(await claim({}, {}, given))).toBe("lead");
  });

  it("while its object cannot be reached", async () => {
    const down = () => Promise.reject(new Error("no network"));
    const cacheOf = () => ({ claim: down, renew: down, keep: down, release: down, purge: down });
    expect(await claim(use, {}, deps({ cacheOf }))).toEqual({ off: true });
  });
});

describe("only a whole, good answer is kept", () => {
  it.each([
    ["a plain one", {}, true],
    ["a tool call", { content: null, finishReason: "tool_calls" as const, toolCalls: [call()] }, true],
    ["a grounded one", { grounding: "grounded" as const }, true],
    ["one cut at its length", { finishReason: "length" as const }, false],
    ["one that a content filter cut", { finishReason: "content_filter" as const }, false],
    ["a degraded one", { degraded: true }, false],
    ["one put together without a model", { generated: false }, false],
    ["the want of evidence", { grounding: "insufficient_evidence" as const }, false],
    ["a refusal", { refusal: "I will not." }, false],
    ["nothing", { content: "" }, false],
    ["a fallback's", { model: "chain/other" }, false],
  ])("%s: %o", (_what, more, expected) => {
    expect(isWorthKeeping(answerOf("text", more), card)).toBe(expected);
  });

  it("and one that is too large is not", async () => {
    await keep("x".repeat(1024 * 1024));
    expect(textOf(await claim())).toBe("lead");
  });
});

describe("of equal requests at the same time", () => {
  it("one is asked, and the others get its answer", async () => {
    const lead = leadOf(await claim());
    const others = Array.from({ length: 50 }, () => claim());
    await lead.keep(answerOf("one"));
    expect(new Set((await Promise.all(others)).map(textOf))).toEqual(new Set(["one"]));
  });

  it("two that ask anew are one, too", async () => {
    const refresh = { parapet: { cache: { mode: "refresh" } } };
    await keep("old");
    const lead = leadOf(await claim(refresh));
    const other = claim(refresh);
    await lead.keep(answerOf("new"));
    expect(textOf(await other)).toBe("new");
  });

  it("the next one is asked when the first fails, and never two at once", async () => {
    let running = 0;
    let most = 0;
    let calls = 0;
    const run = async (): Promise<string | null> => {
      const claimed = await claim();
      if (!("lead" in claimed)) return textOf(claimed);
      running += 1;
      calls += 1;
      most = Math.max(most, running);
      const fails = calls < 4;
      // A round trip, in which another could lead if it were let.
      await env.RESPONSE_CACHE.getByName(`${projectId}/sub_alice`).renew("another", "none");
      running -= 1;
      if (fails) claimed.lead.release();
      else await claimed.lead.keep(answerOf("fourth"));
      return fails ? "failed" : "fourth";
    };
    const ends = await Promise.all(Array.from({ length: 12 }, run));
    expect({ most, calls }).toEqual({ most: 1, calls: 4 });
    expect(ends.filter((end) => end === "failed")).toHaveLength(3);
    expect(ends.filter((end) => end === "fourth")).toHaveLength(9);
  });

  it("all are let go when the first's answer is not one to keep", async () => {
    const lead = leadOf(await claim());
    const others = [claim(), claim()];
    // Both must wait before the answer is there.
    await claim(use, { deadlineMs: Date.now() }).catch(() => undefined);
    await lead.keep(answerOf("cut", { finishReason: "length" }));
    expect((await Promise.all(others)).map(textOf)).toEqual(["off", "off"]);
  });

  it("one that waited until its own deadline ends with a typed error", async () => {
    leadOf(await claim());
    const late = claim(use, { deadlineMs: Date.now() + 30 });
    await expect(async () => late).rejects.toMatchObject({ code: "upstream_timeout" });
  });

  it("one whose client left while it waited ends, and does not stand in the next one's way", async () => {
    const lead = leadOf(await claim());
    const client = new AbortController();
    const after: Promise<unknown>[] = [];
    const gone = claim(use, { signal: client.signal, waitUntil: (promise) => void after.push(promise) });
    const waits = claim();
    client.abort();
    await expect(async () => gone).rejects.toBeInstanceOf(AppError);
    lead.release();
    await Promise.all(after);
    expect(textOf(await waits)).toBe("lead");
  });

  it("only the first end of a lead counts", async () => {
    const lead = leadOf(await claim());
    lead.release();
    await lead.keep(answerOf("late"));
    expect(textOf(await claim())).toBe("lead");
  });
});

it("never gives one reader another's grounded answer, whoever asks in whatever order", async () => {
  const groups = fc.subarray(["staff", "eu"]);
  const asks = fc.array(
    fc.record({ subject: fc.constantFrom("sub_a", "sub_b", "sub_c"), groups, shared: fc.boolean() }),
    { minLength: 2, maxLength: 12 },
  );
  const contentKeys = new Map<string, string>();
  for (const subject of ["sub_a", "sub_b", "sub_c"]) contentKeys.set(subject, await keys.newContentKey());
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(asks, async (sequence) => {
      runs += 1;
      for (const { subject, groups: mine, shared } of sequence) {
        // Each group reads one more document; the question is everybody's.
        const sources = ["public", ...mine.toSorted()];
        const body = {
          messages: [{ role: "user", content: `${sources.join("\n")}\n\nWhat is said?` }],
          parapet: { cache: { mode: "use", shared } },
        };
        const principal = reader({ projectId: `prj_property_${runs}`, subjectId: subject, groups: mine });
        const own = { principal, sources, contentKey: contentKeys.get(subject) ?? "" };
        const claimed = await claim(body, own);
        const marker = `${shared ? "shared" : subject}:${sources.join(",")}`;
        if ("lead" in claimed) await claimed.lead.keep(answerOf(marker, { grounding: "grounded" }));
        else expect(textOf(claimed)).toBe(marker);
      }
    }),
    { numRuns: 25 },
  );
  // Each run has objects of its own, a few hundred in all.
}, 60_000);

function call() {
  return { id: "call_1", type: "function" as const, function: { name: "f", arguments: "{}" } };
}
