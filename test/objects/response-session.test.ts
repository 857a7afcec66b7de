import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { newResponseId, newSessionName } from "../../src/core/response-id.ts";
import type { NewTurn } from "../../src/objects/response-session.ts";

const dayMs = 86_400_000;
const sealedOf = (text: string) => new TextEncoder().encode(text);
const textOf = (sealed: Uint8Array) => new TextDecoder().decode(sealed);

function session() {
  const name = newSessionName();
  const stub = env.RESPONSE_SESSION.getByName(`prj_test/sub_test/${name}`);
  const keep = async (text: string, change: Partial<NewTurn> = {}) => {
    const id = newResponseId(name);
    const kept = await stub.keep({
      id,
      parent: null,
      expiresAtMs: Date.now() + dayMs,
      sealed: sealedOf(text),
      itemIds: [],
      ...change,
    });
    expect(kept).toBe(true);
    return id;
  };
  return { stub, keep };
}

describe("a conversation's session", () => {
  it("gives the turns of a branch, the first one first", async () => {
    const { stub, keep } = session();
    const root = await keep("root");
    await keep("left", { parent: root });
    const right = await keep("right", { parent: root });
    const leaf = await keep("leaf", { parent: right });
    const chain = await stub.chain(leaf);
    expect(chain.found && chain.turns.map(textOf)).toEqual(["root", "right", "leaf"]);
  });

  it("keeps a turn that is larger than one value may be", async () => {
    const { stub, keep } = session();
    const text = "0123456789".repeat(250_000);
    const id = await keep(text);
    const sealed = await stub.read(id);
    expect(sealed !== null && textOf(sealed) === text).toBe(true);
  });

  it("tells a turn that is not there from one before it that is gone", async () => {
    const { stub, keep } = session();
    const root = await keep("root");
    const leaf = await keep("leaf", { parent: root });
    await stub.delete(root);
    expect(await stub.chain(root)).toEqual({ found: false, why: "turn" });
    expect(await stub.chain(leaf)).toEqual({ found: false, why: "earlier_turn" });
  });

  it("finds the turn of an item, until the turn is deleted", async () => {
    const { stub, keep } = session();
    const id = await keep("turn", { itemIds: ["msg_1"] });
    expect((await stub.readTurnsOf(["msg_1", "msg_2"])).map(textOf)).toEqual(["turn"]);
    await stub.delete(id);
    expect(await stub.readTurnsOf(["msg_1"])).toEqual([]);
  });

  it("refuses a conversation that no request could carry", async () => {
    const { stub, keep } = session();
    const big = "x".repeat(6 * 1024 * 1024);
    let parent: string | null = null;
    for (let turn = 0; turn < 3; turn += 1) parent = await keep(big, { parent });
    expect(await stub.chain(parent ?? "")).toEqual({ found: false, why: "full" });
  });

  it("forgets what has expired, first for its readers and then for good", async () => {
    const { stub, keep } = session();
    const old = await keep("old", { expiresAtMs: Date.now() - 1 });
    const young = await keep("young");
    expect(await stub.read(old)).toBeNull();
    await runDurableObjectAlarm(stub);
    const left = await runInDurableObject(stub, (_object, state) =>
      state.storage.sql.exec<{ id: string }>("select id from turn").toArray(),
    );
    expect(left).toEqual([{ id: young }]);
  });

  it("leaves nothing behind once its last turn is gone, and nothing for an id that was guessed", async () => {
    const { stub, keep } = session();
    const guessed = session().stub;
    expect(await guessed.chain(newResponseId(newSessionName()))).toEqual({ found: false, why: "turn" });
    await stub.delete(await keep("only"));
    for (const empty of [stub, guessed]) {
      const tables = await runInDurableObject(empty, (_object, state) =>
        state.storage.sql.exec("select name from sqlite_master where name not like '\\_cf%' escape '\\'").toArray(),
      );
      expect(tables).toEqual([]);
    }
  });
});
