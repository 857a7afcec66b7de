import { open, type FileHandle } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createInflateRaw } from "node:zlib";

// Field offsets are those of PKWARE's APPNOTE 6.3, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
const endSignature = 0x06054b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endRecordLength = 22;
const centralHeaderLength = 46;
const localHeaderLength = 30;
const longestComment = 0xffff;
const zip64Marker = 0xffffffff;
const stored = 0;
const deflated = 8;

interface ZipEntry {
  name: string;
  method: number;
  compressedBytes: number;
  bytes: number;
  headerOffset: number;
}

/**
 * Opens the first entry of a zip archive whose name satisfies `matches`, as a stream of its uncompressed bytes. Throws when
 * the file is no zip, has no such entry, or uses a feature a Python wheel does not (zip64, encryption, other compressions).
 */
export async function openZipEntry(
  path: string,
  matches: (name: string) => boolean,
): Promise<{ name: string; bytes: number; stream: Readable }> {
  const file = await open(path);
  try {
    const entry = (await listEntries(file)).find((candidate) => matches(candidate.name));
    if (!entry) throw new Error(`${path} has no matching entry.`);
    const header = await readExactly(file, entry.headerOffset, localHeaderLength);
    if (header.readUInt32LE(0) !== localSignature) throw new Error(`${path} is damaged: ${entry.name} has no header.`);
    const start = entry.headerOffset + localHeaderLength + header.readUInt16LE(26) + header.readUInt16LE(28);
    const raw = file.createReadStream({ start, end: start + entry.compressedBytes - 1 });
    return { name: entry.name, bytes: entry.bytes, stream: inflate(raw, entry, path) };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function inflate(raw: Readable, entry: ZipEntry, path: string): Readable {
  if (entry.method === stored) return raw;
  if (entry.method !== deflated)
    throw new Error(`${path} uses compression method ${entry.method}, which is not supported.`);
  const inflater = createInflateRaw();
  raw.on("error", (error) => inflater.destroy(error));
  return raw.pipe(inflater);
}

async function listEntries(file: FileHandle): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const tail = await readExactly(
    file,
    Math.max(0, size - endRecordLength - longestComment),
    Math.min(size, endRecordLength + longestComment),
  );
  const end = findEndRecord(tail);
  const directory = await readExactly(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries: ZipEntry[] = [];
  for (let at = 0; at + centralHeaderLength <= directory.length;) {
    if (directory.readUInt32LE(at) !== centralSignature) throw new Error("The zip archive's directory is damaged.");
    const nameLength = directory.readUInt16LE(at + 28);
    const entry = {
      name: directory.toString("utf8", at + centralHeaderLength, at + centralHeaderLength + nameLength),
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    };
    if (entry.compressedBytes === zip64Marker) throw new Error("The zip archive is over 4 GB, which is not supported.");
    entries.push(entry);
    at += centralHeaderLength + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

function findEndRecord(tail: Buffer): number {
  for (let at = tail.length - endRecordLength; at >= 0; at--) {
    if (tail.readUInt32LE(at) === endSignature) return at;
  }
  throw new Error("The file is not a zip archive.");
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead !== length) throw new Error("The zip archive is cut short.");
  return buffer;
}
