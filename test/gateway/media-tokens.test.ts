import { describe, expect, it } from "vitest";
import { chatRequest } from "../../src/core/chat.ts";
import { measurePrompt } from "../../src/gateway/estimate-tokens.ts";
import { readImageSize } from "../../src/gateway/image-size.ts";
import { boundMedia } from "../../src/gateway/media-tokens.ts";

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** The first bytes of files of these sizes, as their formats define them. */
const heads: [string, Uint8Array, { width: number; height: number }][] = [
  ["PNG", bytesOf("89504e47 0d0a1a0a 0000000d 49484452 00000640 000004b0"), { width: 1600, height: 1200 }],
  ["GIF", bytesOf("474946383961 4006 b004"), { width: 1600, height: 1200 }],
  [
    "JPEG behind a thumbnail",
    bytesOf("ffd8 ffe1 0006 00000000 ffc4 0004 0000 ffc2 0011 08 04b0 0640 03"),
    { width: 1600, height: 1200 },
  ],
  [
    "lossy WebP",
    bytesOf("52494646 00000000 57454250 56503820 00000000 000000 9d012a 4006 b004"),
    { width: 1600, height: 1200 },
  ],
  ["lossless WebP", bytesOf("52494646 00000000 57454250 5650384c 00000000 2f 3fc62b01"), { width: 1600, height: 1200 }],
  [
    "extended WebP",
    bytesOf("52494646 00000000 57454250 56503858 0a000000 00000000 3f0600 af0400"),
    { width: 1600, height: 1200 },
  ],
];

describe("the size of an image", () => {
  it.each(heads)("is read from a %s", (_format, head, size) => {
    expect(readImageSize(head)).toEqual(size);
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["a text", new TextEncoder().encode("<svg width='9999999'>")],
    ["a PNG that breaks off", bytesOf("89504e47 0d0a1a0a")],
    ["a JPEG without a frame", bytesOf("ffd8 ffe1 0006 00000000")],
  ])("is unknown for %s", (_what, head) => {
    expect(readImageSize(head)).toBeNull();
  });
});

const png = (width: number, height: number) => {
  const head = Buffer.from("89504e470d0a1a0a0000000d49484452", "hex");
  const size = Buffer.alloc(8);
  size.writeUInt32BE(width, 0);
  size.writeUInt32BE(height, 4);
  return `data:image/png;base64,${Buffer.concat([head, size]).toString("base64")}`;
};
const image = (url: string, detail?: "low" | "high") => ({
  type: "image_url" as const,
  image_url: { url, ...(detail === undefined ? {} : { detail }) },
});

describe("the bound of an image", () => {
  it.each([
    // Gemini charges a small image as a large one.
    ["64 × 64", image(png(64, 64)), 1_120],
    // Claude: 58 × 43 patches of 28 pixels; OpenAI: 50 × 38 of 32 at 1.2.
    ["1,600 × 1,200", image(png(1_600, 1_200)), 2_494],
    // OpenAI: 125 × 94 patches, cut at 10,000.
    ["4,000 × 3,000", image(png(4_000, 3_000)), 12_000],
    // Claude's 4,784 patches are more than OpenAI's 2,500 at 1.2.
    ["4,000 × 3,000 in high detail", image(png(4_000, 3_000), "high"), 4_784],
    ["one by its URL", image("https://example.com/a.png"), 12_000],
    ["one that cannot be read", image("data:image/heic;base64,AAAA"), 12_000],
  ])("of %s", (_what, part, bound) => {
    expect(boundMedia(part)).toBe(bound);
  });
});

const wav = (bytesPerSecond: number, seconds: number) => {
  const head = Buffer.alloc(44 + bytesPerSecond * seconds);
  head.write("RIFF", 0);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(bytesPerSecond, 28);
  return { type: "input_audio" as const, input_audio: { data: head.toString("base64"), format: "wav" as const } };
};

describe("the bound of a recording", () => {
  it("is Google's 32 tokens a second by a WAV's own rate", () => {
    const bound = boundMedia(wav(32_000, 10));
    expect(bound).toBeGreaterThanOrEqual(320);
    expect(bound).toBeLessThan(330);
  });

  it("takes an MP3 for one of the lowest rate there is", () => {
    const data = Buffer.alloc(60_000).toString("base64");
    expect(boundMedia({ type: "input_audio", input_audio: { data, format: "mp3" } })).toBe(60 * 32);
  });

  it("does not believe a rate of nothing", () => {
    expect(boundMedia(wav(0, 0))).toBeLessThan(10);
    expect(boundMedia(wav(1, 100_000))).toBeGreaterThanOrEqual(3_200);
  });
});

const file = (type: string, text: string) => ({
  type: "file" as const,
  file: { file_data: `data:${type};base64,${Buffer.from(text).toString("base64")}` },
});

describe("the bound of a file", () => {
  const perPage = 7_784;
  it.each([
    ["its page objects", "%PDF-1.4 <</Type /Pages /Count 2>> <</Type /Page>> <</Type/Page/Parent 1 0 R>>", 2],
    ["its page tree, where the objects are hidden", "%PDF-1.4 <</Type /Pages /Count 30 /Kids []>>", 30],
    ["the larger of the two", "%PDF-1.4 <</Type /Pages /Count 1>> <</Type /Page>> <</Type /Page>>", 2],
    ["its bytes, where both are compressed", `%PDF-1.5 <</Type /ObjStm>>${"x".repeat(4_096)}`, 3],
    ["what Google takes at most", "%PDF-1.4 <</Type /Pages /Count 99999 >>", 1_000],
  ])("counts a PDF's pages by %s", (_what, text, pages) => {
    expect(boundMedia(file("application/pdf", text))).toBe(pages * perPage);
  });

  it("bounds a text as a text", () => {
    const bound = boundMedia(file("text/plain", "Refunds are paid within five days. ".repeat(100)));
    expect(bound).toBeGreaterThan(700);
    expect(bound).toBeLessThan(3_000);
  });
});

it("a prompt's bound has its media in it, and what is expected of it is no more", () => {
  const measure = (content: unknown) =>
    measurePrompt(chatRequest.parse({ model: "auto", messages: [{ role: "user", content }] }));
  const bare = measure([{ type: "text", text: "What is this?" }]);
  const withImage = measure([{ type: "text", text: "What is this?" }, image(png(4_000, 3_000))]);
  expect(withImage.bound).toBe(bare.bound + 12_000);
  expect(withImage.expected).toBe(bare.expected + 2_000);
});
