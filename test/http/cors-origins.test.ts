import { describe, expect, it } from "vitest";
import { AppError } from "../../src/core/errors.ts";
import { parseCorsOrigins } from "../../src/http/cors-origins.ts";

describe("PARAPET_CORS_ORIGINS", () => {
  it.each(["", " ", ","])("%j allows nobody", (setting) => {
    expect(parseCorsOrigins(setting)).toBeNull();
  });

  const isAllowed = parseCorsOrigins("https://app.test.com, https://*.preview.test.com,http://localhost:5173");

  it.each([
    ["https://app.test.com", true],
    ["https://a1-b.preview.test.com", true],
    ["http://localhost:5173", true],
    ["http://app.test.com", false],
    ["https://app.test.com:8443", false],
    ["https://app.test.com.evil.com", false],
    ["https://evilapp.test.com", false],
    ["https://preview.test.com", false],
    ["https://.preview.test.com", false],
    ["https://a.b.preview.test.com", false],
    ["https://evil.com/.preview.test.com", false],
    ["https://evil.com#.preview.test.com", false],
    ["https://a@evil.preview.test.com", false],
    ["http://localhost:5174", false],
    ["null", false],
    ["", false],
    ["*", false],
  ])("%s: %s", (origin, expected) => {
    expect(isAllowed?.(origin)).toBe(expected);
  });

  it.each([
    "*",
    "https://app.test.com,*",
    "null",
    "https://*",
    "https://*.com",
    "https://*.*.test.com",
    "https://app*.test.com",
    "https://app.test.com/",
    "https://app.test.com/path",
    "https://APP.test.com",
    "https://app.test.com:443",
    "app.test.com",
    "ftp://app.test.com",
  ])("does not take %s", (setting) => {
    expect(() => parseCorsOrigins(setting)).toThrow(AppError);
  });
});
