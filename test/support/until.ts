import { setTimeout as wait } from "node:timers/promises";

const pauseMs = 50;

/**
 * Asks again until there is an answer (neither `null` nor `false`), and gives it back. At the deadline it fails with `what`, the
 * sentence that did not come true. What the condition throws is thrown on at once.
 */
export async function until<T>(
  condition: () => Promise<T | null | false>,
  { timeoutMs, what }: { timeoutMs: number; what: string },
): Promise<T> {
  const giveUpMs = Date.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer !== null && answer !== false) return answer;
    if (Date.now() >= giveUpMs) throw new Error(`Not within ${timeoutMs} ms: ${what}.`);
    await wait(pauseMs);
  }
}
