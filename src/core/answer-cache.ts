/** What the gateway asks of the object that keeps one reader scope's answers. Answers are ciphertext to it. */
export interface AnswerCache {
  /** Waits while another request is being answered for the same key, for `waitMs` at most. */
  claim(claim: CacheClaim): Promise<CacheState>;
  /** A live leader says so at least this often: `leaseMs`. */
  renew(key: string, token: string): Promise<void>;
  /** Ends a lead with an answer for those who wait and those who come. A lead that was lost meanwhile keeps nothing. */
  keep(key: string, token: string, kept: KeptAnswer): Promise<void>;
  /** Ends a lead without one. After a failure the next in line leads; an answer not worth keeping lets all of them go. */
  release(key: string, token: string, why: "failed" | "unkept"): Promise<void>;
  /** Forgets everything of this scope, and what its subject left in the scopes it shares with others. */
  purge(): Promise<void>;
}

export interface CacheClaim {
  /** SHA-256 in hex of everything that changes the answer. */
  key: string;
  /** Who asks, as `sub_…`: what is kept in a shared scope goes when its subject is erased. */
  subjectId: string;
  /** False asks anew; an answer that was begun meanwhile will do. */
  acceptKept: boolean;
  waitMs: number;
}

export type CacheState =
  | { state: "hit"; body: Uint8Array<ArrayBuffer> }
  /** The caller answers for everyone who asks the same meanwhile. */
  | { state: "lead"; token: string }
  /** The answer that was waited for is not one to keep. */
  | { state: "unkept" }
  /** The wait was over first. */
  | { state: "late" };

export interface KeptAnswer {
  body: Uint8Array<ArrayBuffer>;
  ttlMs: number;
}

/** A leader that was silent for so long is lost, and the next in line leads. */
export const leaseMs = 15_000;
/** A Durable Object's row takes 2 MB. */
export const maxKeptBytes = 1024 * 1024;
