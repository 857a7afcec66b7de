import { describe, expect, it } from "vitest";
import { createEventDecoder } from "../../src/providers/event-stream.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the event decoder", () => {
  const wire = 'event: error\r\ndata: {"a":\r\ndata: "é👋"}\r\n\r\n: a comment\n\nid: 3\ndata:[DONE]\n\n';
  const events = [
    { name: "error", data: '{"a":\n"é👋"}' },
    { name: null, data: "[DONE]" },
  ];

  it("reads names, joined lines, comments and either line end", () => {
    expect(createEventDecoder().push(bytes(wire))).toEqual(events);
  });

  it.each([1, 2, 3, 7])("reads the same in pieces of %i bytes", (size) => {
    const decoder = createEventDecoder();
    const all = bytes(wire);
    const read = [];
    for (let start = 0; start < all.length; start += size)
      read.push(...decoder.push(all.subarray(start, start + size)));
    expect(read).toEqual(events);
    expect(decoder.end()).toBeNull();
  });

  it("gives what is left at the end", () => {
    const decoder = createEventDecoder();
    expect(decoder.push(bytes("data: half"))).toEqual([]);
    expect(decoder.end()).toEqual({ name: null, data: "half" });
  });

  it.each(["data: xxxxxxxx\n", "data:\n"])("refuses an event of %j without end before it fills the memory", (line) => {
    const decoder = createEventDecoder();
    const flood = bytes(line.repeat(200_000));
    expect(() => Array.from({ length: 30 }, () => decoder.push(flood))).toThrow("stream that is none");
  });

  it("refuses a stream without line breaks before it fills the memory", () => {
    const decoder = createEventDecoder();
    const flood = bytes("x".repeat(1024 * 1024));
    expect(() => Array.from({ length: 5 }, () => decoder.push(flood))).toThrow("stream that is none");
  });
});
