/** Where a page of a list by time ended: rows made in the same millisecond are told apart by id. */
export interface TimeCursor {
  atMs: number;
  id: string;
}

export function writeCursor({ atMs, id }: TimeCursor): string {
  return `${atMs}.${id}`;
}

/** `null` when the text is no cursor. */
export function readCursor(text: string): TimeCursor | null {
  const match = /^(\d{1,15})\.([a-z]+_[a-z0-9]{1,40})$/.exec(text);
  return match === null ? null : { atMs: Number(match[1]), id: match[2] ?? "" };
}
