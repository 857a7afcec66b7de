import { describe, expect, it } from "vitest";
import { costOfPattern } from "../../src/gateway/pattern-cost.ts";

describe("the time a pattern may take", () => {
  it.each([
    ["^[a-z]+$", 1],
    ["^\\d{4}-\\d{2}-\\d{2}$", 1],
    ["^(?:red|green|blue)$", 1],
    ["abc", 1],
    ["^\\S+@\\S+$", 2],
    ["[a-z]+", 2],
    ["^a*b*c*$", 3],
    ["^a{0,1000}b{0,1000}$", 2],
    ["^https?:\\/\\/\\[[+*]\\]$", 1],
    ["^(a+)+$", Infinity],
    ["^(a|a)*$", Infinity],
    ["^(?:a?){30}a{30}$", Infinity],
    ["^((a+)b)*$", Infinity],
    ["^(.*)\\1$", Infinity],
    ["^(?<x>a)\\k<x>$", Infinity],
    ["^(?:[a-z]{2,5}x){1,9}$", Infinity],
    ["^(?:\\d{3}-){2}\\d{4}$", 1],
    ["^(?:ab+)?c$", 1],
  ])("%s grows with the power %s", (pattern, cost) => {
    expect(costOfPattern(pattern)).toBe(cost);
  });
});
