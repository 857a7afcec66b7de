/** A request whose run does not end with its client, as the worker hands it to a Replay object. */
export interface ReplayRequest {
  /** SHA-256 of method, path and body: another under the same key is a conflict. */
  fingerprint: string;
  method: string;
  url: string;
  headers: [name: string, value: string][];
  body: ArrayBuffer;
  /** The last event of the stream that the client has seen; `null` is none. */
  lastEventId: number | null;
  /** Whether the answer stays for later requests with the same key; otherwise it goes with its first reader. */
  isKept: boolean;
}

export type ReplayAnswer =
  /** `run`: this request was run. `replay`: an earlier one was, or is being, and this is its answer. */
  | { kind: "run" | "replay"; response: Response }
  | { kind: "conflict" }
  /** A run was lost, or its answer is gone, after it may have been charged. */
  | { kind: "interrupted" };

/** Runs a request once, and gives its answer to everyone who asks with the same key. Named by whose key it is. */
export interface Replay {
  join(request: ReplayRequest): Promise<ReplayAnswer>;
}
