import { and, asc, desc, eq } from "drizzle-orm";
import type { TimeCursor } from "../core/page-cursor.ts";
import { withDatabase, type Database } from "./client.ts";
import { isBefore } from "./is-before.ts";
import { evalResults, evalRuns } from "./schema.ts";

export type EvalRunRow = typeof evalRuns.$inferSelect;
export type EvalResultRow = typeof evalResults.$inferSelect;

export interface EvalStore {
  insertRun(row: EvalRunRow): Promise<void>;
  /** Writes a case's result once, however often it is sent. */
  insertResults(rows: EvalResultRow[]): Promise<void>;
  updateRun(runId: string, end: Partial<EvalRunRow>): Promise<void>;
  findRun(projectId: string, runId: string): Promise<EvalRunRow | null>;
  /** Newest first; `before` is where the page before ended. */
  listRuns(projectId: string, page: { limit: number; before: TimeCursor | null }): Promise<EvalRunRow[]>;
  listResults(runId: string): Promise<EvalResultRow[]>;
}

export function createEvalStore(db: Database): EvalStore {
  return {
    insertRun: (row) =>
      withDatabase(async () => {
        await db.insert(evalRuns).values(row).onConflictDoNothing();
      }),
    insertResults: (rows) =>
      withDatabase(async () => {
        // A row has 9 columns and D1 takes 100 parameters: batches of at most 6 cases fit.
        if (rows.length > 0) await db.insert(evalResults).values(rows).onConflictDoNothing();
      }),
    updateRun: (runId, end) =>
      withDatabase(async () => {
        await db.update(evalRuns).set(end).where(eq(evalRuns.id, runId));
      }),
    findRun: (projectId, runId) =>
      withDatabase(async () => {
        const rows = await db
          .select()
          .from(evalRuns)
          .where(and(eq(evalRuns.projectId, projectId), eq(evalRuns.id, runId)));
        return rows[0] ?? null;
      }),
    listRuns: (projectId, { limit, before }) =>
      withDatabase(() =>
        db
          .select()
          .from(evalRuns)
          .where(
            and(eq(evalRuns.projectId, projectId), isBefore({ at: evalRuns.startedAtMs, id: evalRuns.id }, before)),
          )
          .orderBy(desc(evalRuns.startedAtMs), desc(evalRuns.id))
          .limit(limit),
      ),
    listResults: (runId) =>
      withDatabase(() =>
        db.select().from(evalResults).where(eq(evalResults.runId, runId)).orderBy(asc(evalResults.caseId)),
      ),
  };
}
