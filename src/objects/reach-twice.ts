/** A call that takes longer has failed. */
const callTimeoutMs = 1_000;

/** A child that was just restarted answers the second call. */
export async function reachTwice<Answer>(call: () => Promise<Answer>): Promise<Answer> {
  const bounded = () => {
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(new Error("no answer in time")), callTimeoutMs);
    return Promise.race([call(), timeout.promise]).finally(() => clearTimeout(timer));
  };
  try {
    return await bounded();
  } catch {
    return bounded();
  }
}
