import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  applyReport,
  emptyAccount,
  freeMicros,
  heldMicros,
  sizeSlice,
  spareFor,
  type SliceAccount,
} from "../../src/objects/slice-arithmetic.ts";

const limit = 10_000;
const children = 4;

/** A parent and its children as messages see them: each side has its own account, and every message may be lost or come late. */
function play(events: readonly Event[], overdraft: boolean) {
  const parent: SliceAccount[] = Array.from({ length: children }, () => emptyAccount);
  const child = Array.from({ length: children }, () => ({ account: emptyAccount, reserved: [] as number[] }));
  const late: { child: number; account: SliceAccount }[] = [];
  const held = () => parent.reduce((total, account) => total + heldMicros(account), 0);
  const used = () =>
    child.reduce(
      (total, { account, reserved }) => total + account.spentMicros + reserved.reduce((sum, one) => sum + one, 0),
      0,
    );
  for (const { kind, who, micros } of events) {
    const one = child[who];
    const other = parent[who];
    if (one === undefined || other === undefined) throw new Error("no such child");
    if (kind === "draw" || kind === "draw-lost") {
      const told = applyReport(other, one.account);
      parent[who] = told;
      const size = sizeSlice({ available: limit - held(), due: micros, spare: micros, children });
      const granted = told.grantedMicros + size;
      parent[who] = { ...told, grantedMicros: granted };
      if (kind === "draw")
        one.account = { ...one.account, grantedMicros: Math.max(one.account.grantedMicros, granted) };
    }
    if (kind === "reserve" && freeMicros(one.account, sum(one.reserved)) >= micros) one.reserved.push(micros);
    if (kind === "settle") {
      const reserved = one.reserved.shift();
      if (reserved !== undefined) {
        const cost = overdraft ? micros : Math.min(micros, reserved);
        one.account = { ...one.account, spentMicros: one.account.spentMicros + cost };
      }
    }
    if (kind === "give-back") {
      const free = Math.max(0, freeMicros(one.account, sum(one.reserved)));
      one.account = { ...one.account, returnedMicros: one.account.returnedMicros + free };
    }
    if (kind === "report") parent[who] = applyReport(other, one.account);
    if (kind === "send-late") late.push({ child: who, account: one.account });
    if (kind === "arrive-late") {
      const message = late.pop();
      if (message !== undefined)
        parent[message.child] = applyReport(parent[message.child] ?? emptyAccount, message.account);
    }
    if (!overdraft) {
      expect(held()).toBeLessThanOrEqual(limit);
      expect(used()).toBeLessThanOrEqual(held());
    }
  }
  return { parent, child };
}

const kinds = ["draw", "draw-lost", "reserve", "settle", "give-back", "report", "send-late", "arrive-late"] as const;
interface Event {
  kind: (typeof kinds)[number];
  who: number;
  micros: number;
}
const events = fc.array(
  fc.record({
    kind: fc.constantFrom(...kinds),
    who: fc.integer({ min: 0, max: children - 1 }),
    micros: fc.integer({ min: 0, max: 2_000 }),
  }),
  { maxLength: 200 },
);

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

describe("slices", () => {
  it("never add up to more than the limit, and cover all that is used, whatever messages are lost or late", () => {
    fc.assert(fc.property(events, (some) => void play(some, false)));
  });

  it.each([
    ["within what was reserved", false],
    ["beyond it", true],
  ])("leave the parent with exactly what was spent, %s, once every child has told", (_what, overdraft) => {
    fc.assert(
      fc.property(events, (some) => {
        const { parent, child } = play(some, overdraft);
        for (const [who, { account, reserved }] of child.entries()) {
          const known = parent[who] ?? emptyAccount;
          // The answer to a child's next word repeats every grant that was lost on its way.
          const learned = {
            ...account,
            grantedMicros: Math.max(account.grantedMicros, applyReport(known, account).grantedMicros),
          };
          const free = Math.max(0, freeMicros(learned, sum(reserved)));
          const after = applyReport(known, { ...learned, returnedMicros: learned.returnedMicros + free });
          expect(after.spentMicros).toBe(account.spentMicros);
          if (reserved.length === 0) expect(heldMicros(after)).toBe(account.spentMicros);
        }
      }),
    );
  });

  it("give what is due first and never more than there is", () => {
    const amount = fc.integer({ min: 0, max: 1_000_000 });
    fc.assert(
      fc.property(amount, amount, amount, fc.integer({ min: 0, max: 500 }), (available, due, spare, others) => {
        const size = sizeSlice({ available, due, spare, children: others });
        expect(size).toBeGreaterThanOrEqual(Math.min(due, available));
        expect(size).toBeLessThanOrEqual(Math.min(due + spare, available));
      }),
    );
  });

  it("shrink as the remainder shrinks", () => {
    const spareAt = (available: number) => sizeSlice({ available, due: 0, spare: 1_000, children: 10 });
    expect([100_000, 10_000, 1_000, 10].map(spareAt)).toEqual([1_000, 500, 50, 0]);
  });

  it("are asked for a few seconds of use", () => {
    expect(spareFor({ used: 1_000, elapsedMs: 2_000 })).toBe(2_000);
    expect(spareFor({ used: 1_000, elapsedMs: 10 })).toBe(4_000);
    expect(spareFor({ used: 0, elapsedMs: 10 })).toBe(0);
  });
});
