/**
 * What a parent and one of its children know of the money between them in one period, in micro-USD. Each figure only ever
 * grows, so a message that comes twice, late or not at all can be answered by taking the larger: nothing is granted twice.
 */
export interface SliceAccount {
  /** All that the parent ever gave the child. */
  grantedMicros: number;
  /** All that the child ever gave back unused. */
  returnedMicros: number;
  /** All that the child settled. */
  spentMicros: number;
}

export const emptyAccount: SliceAccount = { grantedMicros: 0, returnedMicros: 0, spentMicros: 0 };

/** A new slice covers this much of a child's use, so that a busy child asks every few seconds. */
const sliceMs = 4_000;

/** What counts against the parent's limit: what the child has and did not give back, or spent beyond it. */
export function heldMicros({ grantedMicros, returnedMicros, spentMicros }: SliceAccount): number {
  return Math.max(grantedMicros - returnedMicros, spentMicros);
}

/** What the child may still reserve; negative where it overdrew. */
export function freeMicros(account: SliceAccount, reservedMicros: number): number {
  return account.grantedMicros - account.returnedMicros - account.spentMicros - reservedMicros;
}

/** The parent's account after a child said what it spent and gave back. What was overdrawn is granted after the fact. */
export function applyReport(
  account: SliceAccount,
  report: Pick<SliceAccount, "returnedMicros" | "spentMicros">,
): SliceAccount {
  const returnedMicros = Math.max(account.returnedMicros, report.returnedMicros);
  const spentMicros = Math.max(account.spentMicros, report.spentMicros);
  return {
    returnedMicros,
    spentMicros,
    grantedMicros: Math.max(account.grantedMicros, returnedMicros + spentMicros),
  };
}

/**
 * How much of `available` a child gets: what its waiting requests are due, and to spare at most its share of half of what
 * then remains, so that slices shrink with the remainder.
 */
export function sizeSlice({
  available,
  due,
  spare,
  children,
}: {
  available: number;
  due: number;
  spare: number;
  children: number;
}): number {
  const dueNow = Math.min(due, Math.max(0, available));
  const share = Math.floor(Math.max(0, available - dueNow) / (2 * Math.max(1, children)));
  return dueNow + Math.min(spare, share);
}

/** What a child asks to spare: its use since it last asked, as if it went on for the time of a slice. */
export function spareFor({ used, elapsedMs }: { used: number; elapsedMs: number }): number {
  return Math.ceil((used * sliceMs) / Math.max(1_000, elapsedMs));
}
