import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findHolder, takeState } from "../../../src/local/node/state-lock.ts";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "parapet-lock-"));
  mkdirSync(join(root, ".parapet"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const leave = (text: string) => writeFileSync(join(root, ".parapet", "lock.json"), text);

describe("a state folder", () => {
  it("is served by one process, which others can find", () => {
    const lock = takeState(root);
    lock.publish("http://127.0.0.1:1");
    expect(findHolder(root)).toEqual({ pid: process.pid, url: "http://127.0.0.1:1" });
    lock.release();
    expect(findHolder(root)).toBeNull();
  });

  it("is refused while another process serves it, with where", () => {
    leave(JSON.stringify({ pid: process.ppid, url: "http://127.0.0.1:2" }));
    expect(() => takeState(root)).toThrow("http://127.0.0.1:2");
  });

  it("is free once the process that had it is gone", async () => {
    const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await new Promise((resolve) => child.once("close", resolve));
    leave(JSON.stringify({ pid: child.pid, url: "http://127.0.0.1:3" }));
    expect(findHolder(root)).toBeNull();
    takeState(root).release();
  });

  it("is free when what was left there says nothing", () => {
    leave("{");
    expect(findHolder(root)).toBeNull();
  });
});
