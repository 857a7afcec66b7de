import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anchorOf, createSplice, misfit, prefillOf, type SpliceMode } from "../../src/gateway/splice.ts";

/** Pushes the continuation in pieces of three characters, and gives back the one answer. */
function join(released: string, continuation: string, mode: SpliceMode): string | typeof misfit {
  const splice = createSplice(released, mode);
  let whole = released;
  for (let at = 0; at < continuation.length; at += 3) {
    const text = splice.push(continuation.slice(at, at + 3));
    if (text === misfit) return misfit;
    whole += text;
  }
  const text = splice.finish();
  return text === misfit ? misfit : whole + text;
}

const released = "The parapet is a low wall along the edge of a roof. It keeps people ";
const rest = "from falling. It also looks good.";

describe("a continuation is joined", () => {
  it.each<{ what: string; mode: SpliceMode; continuation: string; answer?: string }>([
    { what: "that goes on after a prefill", mode: "prefill", continuation: rest },
    { what: "that brings the white space a prefill lacks", mode: "prefill", continuation: ` ${rest}` },
    { what: "that repeats the last words", mode: "restart", continuation: `edge of a roof. It keeps people ${rest}` },
    { what: "that repeats them after white space", mode: "restart", continuation: `\n\nIt keeps people ${rest}` },
    { what: "that repeats them after an ellipsis", mode: "restart", continuation: `… It keeps people ${rest}` },
    { what: "that begins the same answer anew", mode: "restart", continuation: released + rest },
    { what: "that begins it anew in spite of a prefill", mode: "prefill", continuation: released + rest },
    { what: "that has nothing to add", mode: "restart", continuation: "of a roof. It keeps people ", answer: released },
    { what: "that is empty after a prefill", mode: "prefill", continuation: "", answer: released },
  ])("$what", ({ mode, continuation, answer }) => {
    expect(join(released, continuation, mode)).toBe(answer ?? released + rest);
  });

  it("in the middle of a word", () => {
    expect(join("All the world wonders at the parap", "wonders at the parapet wall", "restart")).toBe(
      "All the world wonders at the parapet wall",
    );
  });

  it("to an answer of one word", () => {
    expect(join("Hello", "Hello from here", "restart")).toBe("Hello from here");
  });
});

describe("a continuation is refused", () => {
  it.each<{ what: string; mode: SpliceMode; continuation: string }>([
    { what: "that answers in other words", mode: "restart", continuation: "A parapet is a wall." },
    { what: "that repeats a passage and leaves it", mode: "restart", continuation: "The parapet is a low fence" },
    { what: "that apologises first", mode: "restart", continuation: `Sorry! It keeps people ${rest}` },
    { what: "that says nothing", mode: "restart", continuation: "" },
    { what: "that begins anew and goes another way", mode: "prefill", continuation: "The parapet is a low fence" },
  ])("$what", ({ mode, continuation }) => {
    expect(join(released, continuation, mode)).toBe(misfit);
  });
});

it("makes the whole answer again from any cut, when the continuation begins with its anchor", () => {
  const words = fc.array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 30, maxLength: 60 });
  fc.assert(
    fc.property(words, fc.double({ min: 0.3, max: 0.9, noNaN: true }), (list, share) => {
      // Numbered, so that no passage occurs twice: where one does, the splice takes the longest overlap.
      const answer = list.map((word, index) => `${word}${index}`).join(" ");
      const cut = Math.floor(answer.length * share);
      const shown = answer.slice(0, cut);
      const anchor = anchorOf(shown);
      expect(join(shown, answer.slice(shown.lastIndexOf(anchor)), "restart")).toBe(answer);
    }),
  );
});

it("ends a prefill without white space", () => {
  expect(prefillOf("It keeps people \n")).toBe("It keeps people");
});
