import { expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { parseTimeoutHeader, withDeadline } from "../../src/gateway/deadline.ts";
import type { RequestScope } from "../../src/gateway/request-scope.ts";

const deps = { clock: () => 1_000, totalTimeoutMs: 300_000 };
const scope = {} as RequestScope; // only its deadline is looked at
const request = (timeoutMs?: number) => ({ parapet: timeoutMs === undefined ? {} : { timeout_ms: timeoutMs } });

it.each([
  { what: "the deployment's total timeout by default", scopeMs: undefined, bodyMs: undefined, deadlineMs: 301_000 },
  { what: "the body's where it is shorter", scopeMs: 5_000, bodyMs: 2_000, deadlineMs: 3_000 },
  { what: "the header's where it is shorter", scopeMs: 2_500, bodyMs: 2_000, deadlineMs: 2_500 },
])("a request's deadline is $what", ({ scopeMs, bodyMs, deadlineMs }) => {
  const given = scopeMs === undefined ? scope : { ...scope, deadlineMs: scopeMs };
  expect(withDeadline(given, request(bodyMs), deps).deadlineMs).toBe(deadlineMs);
});

it.each([
  { what: "none", scoped: undefined, bodyMs: undefined, own: false },
  { what: "the deployment's own", scoped: false, bodyMs: 300_000, own: false },
  { what: "one a millisecond shorter in the body", scoped: false, bodyMs: 299_999, own: true },
  { what: "a shorter one in the header", scoped: true, bodyMs: undefined, own: true },
])("with $what, the deadline is the caller's own: $own", ({ scoped, bodyMs, own }) => {
  const given = scoped === undefined ? scope : { ...scope, hasOwnDeadline: scoped };
  expect(withDeadline(given, request(bodyMs), deps).hasOwnDeadline).toBe(own);
});

it("may not be later than the deployment's own", () => {
  expect(() => withDeadline(scope, request(300_001), deps)).toThrow("parapet.timeout_ms must be a whole number");
});

it.each([["0"], ["-1"], ["1.5"], ["soon"], ["300001"], [""]])("refuses the header %j", (value) => {
  expect(() => parseTimeoutHeader(value, 300_000)).toThrow(AppError);
});

it("reads the header, and does without", () => {
  expect(parseTimeoutHeader("1500", 300_000)).toBe(1_500);
  expect(parseTimeoutHeader(null, 300_000)).toBeNull();
});
