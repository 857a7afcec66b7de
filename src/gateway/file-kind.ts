/** The bytes of a file that `mediaTypeOf` looks at. */
export const headLength = 12;

/** Of a package any of several documents may be made: there the declared type counts, if it is one of these. */
const packages = [
  { magic: "PK\x03\x04", own: "application/zip", declared: /^application\/(?:vnd\.|epub\+zip$)/ },
  {
    magic: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    own: "application/x-ole-storage",
    declared: /^application\/(?:msword$|vnd\.)/,
  },
] as const;

const plain = [
  ["%PDF", "application/pdf"],
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["ID3", "audio/mpeg"],
] as const;

/**
 * The media type of a file by its first bytes, where they are those of a PDF, an image, a recording or a package (Office,
 * OpenDocument); `null` for all others. What a file is called says nothing: a text under a PDF's name would pass every guardrail.
 */
export function mediaTypeOf(bytes: Uint8Array, declared: string): string | null {
  const head = String.fromCharCode(...bytes.subarray(0, headLength));
  const found = plain.find(([magic]) => head.startsWith(magic));
  if (found !== undefined) return found[1];
  if (head.startsWith("RIFF")) {
    const form = head.slice(8);
    return form === "WEBP" ? "image/webp" : form === "WAVE" ? "audio/wav" : null;
  }
  if (isMp3Frame(bytes)) return "audio/mpeg";
  const known = packages.find(({ magic }) => head.startsWith(magic));
  if (known === undefined) return null;
  const type = declared.toLowerCase();
  return known.declared.test(type) ? type : known.own;
}

/** Without a tag an MP3 begins with a frame: eleven set bits, then a version, and layer III. */
function isMp3Frame([first = 0, second = 0]: Uint8Array): boolean {
  return first === 0xff && (second & 0xe6) === 0xe2;
}
