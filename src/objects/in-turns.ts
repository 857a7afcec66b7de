/** So many children are called at once. */
const callsAtOnce = 50;

/** Calls a parent's children, so many at a time. */
export async function inTurns(children: readonly string[], call: (child: string) => Promise<void>): Promise<void> {
  for (let next = 0; next < children.length; next += callsAtOnce)
    await Promise.all(children.slice(next, next + callsAtOnce).map(call));
}
