import { z } from "zod";

const targets = z.array(z.object({ title: z.string(), webSocketDebuggerUrl: z.string() }));
const reply = z.object({ id: z.int(), result: z.looseObject({ usedSize: z.number().optional() }).optional() });
const answerWithinMs = 10_000;

/**
 * What one isolate of workerd holds, in MB, after a full collection. The process's own memory says less: V8 leaves garbage lying
 * while there is room, and the tests give it no limit.
 */
export async function openHeapProbe({
  inspectorPort,
  worker,
  wake,
}: {
  inspectorPort: number;
  worker: string;
  /** Runs something in the isolate: an idle one does not answer its inspector. */
  wake: () => Promise<unknown>;
}): Promise<() => Promise<number>> {
  const list = targets.parse(await (await fetch(`http://127.0.0.1:${inspectorPort}/json`)).json());
  const target = list.find(({ title }) => title.endsWith(` ${worker}`));
  if (target === undefined) throw new Error(`the inspector knows no worker ${worker}`);
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", () => reject(new Error("the inspector cannot be reached")));
  });
  const waiting = new Map<number, (usedBytes: number) => void>();
  socket.addEventListener("message", ({ data }) => {
    const { success, data: message } = reply.safeParse(JSON.parse(String(data)));
    if (success) waiting.get(message.id)?.(message.result?.usedSize ?? 0);
  });
  let lastId = 0;
  const call = (method: string) =>
    new Promise<number>((resolve, reject) => {
      lastId += 1;
      const timer = setTimeout(() => reject(new Error(`${method} got no answer`)), answerWithinMs);
      waiting.set(lastId, (usedBytes) => {
        clearTimeout(timer);
        resolve(usedBytes);
      });
      socket.send(JSON.stringify({ id: lastId, method }));
      wake().catch(() => undefined);
    });
  return async () => {
    await call("HeapProfiler.collectGarbage");
    return (await call("Runtime.getHeapUsage")) / (1024 * 1024);
  };
}
