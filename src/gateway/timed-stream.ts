import type { Clock } from "../core/clock.ts";
import { AppError } from "../core/errors.ts";

/** A reader that is being waited for is asked after again this often. */
const lookAgainMs = 1_000;

/**
 * A generator as a stream that does nothing ahead of its reader. A reader that does not come for more before the deadline has
 * left: what the generator reads from is abandoned, and the generator ends where it stands. While the generator itself is what
 * takes so long, its own timeouts end it.
 */
export function toTimedStream<Part>(
  parts: AsyncGenerator<Part>,
  {
    deadlineMs,
    clock,
    abandon,
  }: {
    deadlineMs: number;
    clock: Clock;
    /** Never rejects. */
    abandon(cause?: AppError): Promise<void>;
  },
): ReadableStream<Part> {
  let isPulling = false;
  let late: AppError | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const end = async (cause?: AppError) => {
    clearTimeout(timer);
    await abandon(cause);
    await parts.return(undefined);
  };
  const look = () => {
    if (isPulling) {
      timer = setTimeout(look, lookAgainMs);
      return;
    }
    late = new AppError("client_closed_request", "The client did not read the answer in time.");
    void end(late);
  };
  timer = setTimeout(look, Math.max(0, deadlineMs - clock()));

  return new ReadableStream<Part>(
    {
      async pull(controller) {
        // Whoever comes after all must not take what there was for the whole.
        if (late !== null) throw late;
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
      cancel: () => end(),
    },
    { highWaterMark: 0 },
  );
}
