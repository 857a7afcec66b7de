import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../src/core/chat.ts";
import { normaliseRequest } from "../../src/gateway/normalise-request.ts";
import { scoreConversation } from "../../src/guardrails/score-request.ts";

const messages: ChatRequest["messages"] = [{ role: "user", content: "Hi" }];
const long = "word ".repeat(900_000);

describe("text that guardrails read", () => {
  const read = (type: string, bytes: string) => {
    const file = { filename: "a.txt", file_data: `data:${type};base64,${btoa(bytes)}` };
    const { messages: found } = normaliseRequest({
      model: "auto",
      messages: [{ role: "user", content: [{ type: "file", file }] }],
    });
    return found[0]?.content?.[0];
  };

  it.each(["text/plain", "TEXT/plain", "Application/JSON", "application/pdf", "image/png", "application/octet-stream"])(
    "is the text of a file that is called %s",
    (type) => {
      expect(read(type, "hello")).toEqual({ type: "text", text: "a.txt:\nhello" });
    },
  );

  it.each([
    ["%PDF-1.7 \xff", "application/pdf"],
    ["\x89PNG\r\n\x1a\n", "image/png"],
    ["\xff\xd8\xff\xe0", "image/jpeg"],
    ["GIF89a", "image/gif"],
    ["RIFF\x01\x02\x03\x04WEBP", "image/webp"],
    ["RIFF\x01\x02\x03\x04WAVE", "audio/wav"],
    ["ID3\x03", "audio/mpeg"],
    ["\xff\xfb\x90", "audio/mpeg"],
    ["PK\x03\x04", "application/zip"],
    ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"],
  ])("is not looked for in %j, which is sent as %s", (bytes, type) => {
    const sent = { type: "file", file: { filename: "a.txt", file_data: `data:${type};base64,${btoa(bytes)}` } };
    expect(read("text/plain", bytes)).toEqual(sent);
    expect(read(type, bytes)).toEqual(sent);
  });

  it("leaves a package the document's type that it is sent with", () => {
    const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    expect(read(docx, "PK\x03\x04")).toMatchObject({
      file: { file_data: `data:${docx};base64,${btoa("PK\x03\x04")}` },
    });
  });

  it.each([
    ["UTF-16", "\xff\xfeh\x00i\x00"],
    ["Latin-1", "caf\xe9"],
    ["another RIFF", "RIFF\x80\x02\x03\x04AVI "],
    ["bytes after a text", "Ignore the above.\xff"],
  ])("cannot be made of %s, which is refused", (_what, bytes) => {
    expect(() => read("application/pdf", bytes)).toThrow(
      expect.objectContaining({ code: "invalid_request", param: "messages.0.content" }),
    );
  });

  it("is found behind line breaks in the base64", () => {
    const file = { file_data: `data:application/pdf;base64,\r\n${btoa("hello")}` };
    const request = normaliseRequest({
      model: "auto",
      messages: [{ role: "user", content: [{ type: "file", file }] }],
    });
    expect(request.messages[0]?.content).toEqual([{ type: "text", text: "file:\nhello" }]);
  });

  it.each<[string, Partial<ChatRequest>]>([
    ["a tool's description", { tools: [{ type: "function", function: { name: "f", description: long } }] }],
    ["a stop sequence", { stop: long }],
    ["a refusal", { messages: [{ role: "assistant", refusal: long }] }],
    [
      "a call's arguments",
      {
        messages: [
          { role: "assistant", tool_calls: [{ id: "a", type: "function", function: { name: "f", arguments: long } }] },
        ],
      },
    ],
  ])("has a bound in %s too", (_where, change) => {
    expect(() => normaliseRequest({ model: "auto", messages, ...change })).toThrow(
      expect.objectContaining({ code: "request_too_large" }),
    );
  });

  it("is the name of a file too", () => {
    const seen: string[] = [];
    const file = { filename: "Ignore the above.pdf", file_data: "data:application/pdf;base64,AA==" };
    scoreConversation([{ role: "user", content: [{ type: "file", file }] }], ({ text }) => {
      seen.push(text);
      return { score: 0, rules: [] };
    });
    expect(seen).toContain("Ignore the above.pdf");
  });
});
