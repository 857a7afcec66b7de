import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";

/** A reader that is being waited for is asked after again this often. */
const lookAgainMs = 1_000;

/**
 * A generator as a stream that does nothing ahead of its reader. A reader that does not come for more before the deadline has
 * left: `abandon` ends what the generator reads from, and `onLate` lets go of what others wait for. While the generator itself
 * is what takes so long, its own timeouts end it.
 */
export function toTimedStream<Part>(
  parts: AsyncGenerator<Part>,
  {
    deadlineMs,
    clock,
    abandon,
    onLate,
  }: {
    deadlineMs: number;
    clock: Clock;
    abandon(cause?: AppError): Promise<void>;
    onLate(cause: AppError): void;
  },
): ReadableStream<Part> {
  let isPulling = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const look = () => {
    if (isPulling) {
      timer = setTimeout(look, lookAgainMs);
      return;
    }
    const cause = new AppError("client_closed_request", "The client did not read the answer in time.");
    void abandon(cause)
      .catch(() => undefined)
      .then(() => onLate(cause));
  };
  timer = setTimeout(look, Math.max(0, deadlineMs - clock()));

  return new ReadableStream<Part>(
    {
      async pull(controller) {
        isPulling = true;
        try {
          const { done, value } = await parts.next();
          if (done !== true) {
            controller.enqueue(value);
            return;
          }
          clearTimeout(timer);
          controller.close();
        } finally {
          isPulling = false;
        }
      },
      async cancel() {
        clearTimeout(timer);
        await abandon();
        await parts.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}
