import { HTTPException } from "hono/http-exception";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { chatRequest } from "../../src/core/chat.ts";
import { AppError } from "../../src/core/errors.ts";
import { invalidRequest, toAppError, toErrorBody } from "../../src/http/error-response.ts";

function refusalOf(body: unknown) {
  const parsed = chatRequest.safeParse(body);
  if (parsed.success) throw new Error("the body is valid");
  return invalidRequest(parsed.error);
}

const message = { role: "user", content: "Hello" };

describe("an invalid request", () => {
  it.each([
    ["a missing field", { model: "auto" }, "messages"],
    ["an empty list", { model: "auto", messages: [] }, "messages"],
    ["a wrong type", { model: "auto", messages: [message], temperature: "hot" }, "temperature"],
    ["a wrong role", { model: "auto", messages: [{ role: "wizard", content: "x" }] }, "messages.0.role"],
    [
      "a field deep inside",
      { model: "auto", messages: [{ role: "user", content: [{ type: "text" }] }] },
      "messages.0.content.0.text",
    ],
    ["an unknown field", { model: "auto", messages: [message], best_of: 2 }, "best_of"],
    ["an unknown extension", { model: "auto", messages: [message], parapet: { groups: ["admin"] } }, "parapet.groups"],
    ["several choices", { model: "auto", messages: [message], n: 2 }, "n"],
  ])("with %s names it", (_what, body, param) => {
    const error = refusalOf(body);
    expect(error.code).toBe("invalid_request");
    expect(error.param).toBe(param);
    expect(error.message.startsWith(`${param}: `)).toBe(true);
  });
});

describe("an error body", () => {
  it("has OpenAI's shape and the request's id", () => {
    const error = new AppError("rate_limited", "Slow down.", { internal: "secret detail" });
    expect(toErrorBody(error, "req_1")).toEqual({
      error: {
        message: "Slow down.",
        type: "rate_limit_error",
        code: "rate_limited",
        param: null,
        request_id: "req_1",
      },
    });
  });

  it("says nothing of a failure we do not know", () => {
    const error = toAppError(new Error("password=hunter2 at /srv/app.ts"));
    expect(error.code).toBe("internal");
    expect(JSON.stringify(toErrorBody(error, "req_1"))).not.toContain("hunter2");
  });

  it("tells a body in another format than JSON which one to use", () => {
    expect(toAppError(new HTTPException(415))).toMatchObject({ code: "unsupported_media_type" });
  });

  it("names the field of a schema's own error", () => {
    const parsed = z.object({ a: z.object({ b: z.int() }) }).safeParse({ a: { b: "x" } });
    expect(toAppError(parsed.error).param).toBe("a.b");
  });
});
