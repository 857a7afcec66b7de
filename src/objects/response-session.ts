import { DurableObject } from "cloudflare:workers";
import { systemClock } from "../core/clock.ts";

const schemaSteps = [
  `create table turn (
     id text primary key, parent text, expires_at_ms integer not null, bytes integer not null
   ) without rowid`,
  `create index turn_by_expiry on turn (expires_at_ms)`,
  `create table piece (turn text not null, position integer not null, sealed blob not null, primary key (turn, position))
   without rowid`,
  `create table item (id text primary key, turn text not null) without rowid`,
  `create index item_by_turn on item (turn)`,
];

/** SQLite in a Durable Object takes 2 MB a value. */
const pieceBytes = 1_000_000;
/** A call between worker and object carries 32 MiB. */
const maxChainBytes = 16 * 1024 * 1024;
const maxSessionBytes = 64 * 1024 * 1024;
/** As many turns as a request may have messages: more could not be continued. */
const maxChainTurns = 2048;

export interface NewTurn {
  id: string;
  /** The turn it continues; `null` begins the conversation. */
  parent: string | null;
  expiresAtMs: number;
  /** Encrypted under the subject's content key: nothing here can read it. */
  sealed: Uint8Array;
  /** The ids of the turn's items, by which a later request may refer to them. */
  itemIds: string[];
}

export type Chain =
  /** The turns up to the one named, the first one first. */
  | { found: true; turns: Uint8Array[] }
  /** `earlier_turn`: the turn is there, but one before it was deleted or has expired. */
  | { found: false; why: "turn" | "earlier_turn" | "full" };

/**
 * One conversation: the responses that continue each other, branches included. Named `project/subject/session`, so that nobody
 * else's request ever reaches it, whatever ids it knows. Nothing is written for a conversation that keeps nothing.
 */
export class ResponseSession extends DurableObject<Env> {
  /** False when the conversation has no room left; nothing is kept then. */
  async keep({ id, parent, expiresAtMs, sealed, itemIds }: NewTurn): Promise<boolean> {
    const { storage } = this.ctx;
    storage.transactionSync(() => this.#migrate());
    if (this.#bytes() + sealed.byteLength > maxSessionBytes) return false;
    storage.transactionSync(() => {
      storage.sql.exec(
        `insert or replace into turn (id, parent, expires_at_ms, bytes) values (?, ?, ?, ?)`,
        id,
        parent,
        expiresAtMs,
        sealed.byteLength,
      );
      for (let position = 0; position * pieceBytes < sealed.byteLength; position += 1) {
        const piece = sealed.slice(position * pieceBytes, (position + 1) * pieceBytes);
        storage.sql.exec(`insert or replace into piece (turn, position, sealed) values (?, ?, ?)`, id, position, piece);
      }
      for (const item of itemIds) storage.sql.exec(`insert or ignore into item (id, turn) values (?, ?)`, item, id);
    });
    await this.#wake();
    return true;
  }

  /** A turn and all before it. */
  async chain(id: string): Promise<Chain> {
    if (!this.#isUsed()) return { found: false, why: "turn" };
    const turns: Uint8Array[] = [];
    let bytes = 0;
    for (let next: string | null = id; next !== null;) {
      const row = this.#findTurn(next);
      if (row === null) return { found: false, why: turns.length === 0 ? "turn" : "earlier_turn" };
      bytes += row.bytes;
      if (bytes > maxChainBytes || turns.length >= maxChainTurns) return { found: false, why: "full" };
      turns.push(this.#sealed(next));
      next = row.parent;
    }
    if (this.#bytes() >= maxSessionBytes) return { found: false, why: "full" };
    return { found: true, turns: turns.toReversed() };
  }

  async read(id: string): Promise<Uint8Array | null> {
    return this.#isUsed() && this.#findTurn(id) !== null ? this.#sealed(id) : null;
  }

  /** The turns that hold these items; an item that is unknown here has none. */
  async readTurnsOf(itemIds: string[]): Promise<Uint8Array[]> {
    if (!this.#isUsed()) return [];
    const turns = itemIds.flatMap((item) =>
      this.ctx.storage.sql.exec<{ turn: string }>(`select turn from item where id = ?`, item).toArray(),
    );
    const alive = [...new Set(turns.map(({ turn }) => turn))].filter((turn) => this.#findTurn(turn) !== null);
    return alive.map((turn) => this.#sealed(turn));
  }

  /** False when there is no such turn. Turns that continue it stay, and can be read but not continued. */
  async delete(id: string): Promise<boolean> {
    if (!this.#isUsed() || this.#findTurn(id) === null) return false;
    this.#remove([id]);
    await this.#wake();
    return true;
  }

  override async alarm(): Promise<void> {
    const expired = this.ctx.storage.sql
      .exec<{ id: string }>(`select id from turn where expires_at_ms <= ?`, systemClock())
      .toArray();
    this.#remove(expired.map(({ id }) => id));
    await this.#wake();
  }

  #remove(ids: string[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const id of ids) {
        for (const table of ["piece", "item"]) this.ctx.storage.sql.exec(`delete from ${table} where turn = ?`, id);
        this.ctx.storage.sql.exec(`delete from turn where id = ?`, id);
      }
    });
  }

  /** Wakes when the next turn expires; a conversation without turns leaves nothing behind. */
  async #wake(): Promise<void> {
    const [row] = this.ctx.storage.sql
      .exec<{ at: number | null }>(`select min(expires_at_ms) as at from turn`)
      .toArray();
    if (row?.at !== null && row?.at !== undefined) await this.ctx.storage.setAlarm(row.at);
    else await this.ctx.storage.deleteAll();
  }

  /** A turn whose time is over is gone, even before the alarm has rung. */
  #findTurn(id: string): { parent: string | null; bytes: number } | null {
    const [row] = this.ctx.storage.sql
      .exec<{ parent: string | null; bytes: number }>(
        `select parent, bytes from turn where id = ? and expires_at_ms > ?`,
        id,
        systemClock(),
      )
      .toArray();
    return row ?? null;
  }

  #sealed(id: string): Uint8Array {
    const pieces = this.ctx.storage.sql
      .exec<{ sealed: ArrayBuffer }>(`select sealed from piece where turn = ? order by position`, id)
      .toArray()
      .map(({ sealed }) => new Uint8Array(sealed));
    const whole = new Uint8Array(pieces.reduce((total, piece) => total + piece.byteLength, 0));
    let offset = 0;
    for (const piece of pieces) {
      whole.set(piece, offset);
      offset += piece.byteLength;
    }
    return whole;
  }

  #bytes(): number {
    const [row] = this.ctx.storage.sql.exec<{ total: number | null }>(`select sum(bytes) as total from turn`).toArray();
    return row?.total ?? 0;
  }

  /** Whether anything was ever kept: an id that somebody guessed must not make an object that stays. */
  #isUsed(): boolean {
    return this.ctx.storage.kv.get<number>("schema") !== undefined;
  }

  #migrate(): void {
    const done = this.ctx.storage.kv.get<number>("schema") ?? 0;
    for (const step of schemaSteps.slice(done)) this.ctx.storage.sql.exec(step);
    if (done < schemaSteps.length) this.ctx.storage.kv.put("schema", schemaSteps.length);
  }
}
