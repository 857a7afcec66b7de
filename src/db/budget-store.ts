import { and, asc, desc, eq, ne, or } from "drizzle-orm";
import type { TimeCursor } from "../core/page-cursor.ts";
import type { AuditRecord } from "../core/records.ts";
import { insertPendingAudit } from "./audit-store.ts";
import { withDatabase, type Database } from "./client.ts";
import { isBefore } from "./is-before.ts";
import { budgets, keys } from "./schema.ts";

export type BudgetRow = typeof budgets.$inferSelect;
export type BudgetKind = BudgetRow["kind"];

/** Whose budget it is; `target` as the table has it. */
export interface BudgetTarget {
  kind: BudgetKind;
  target: string;
}

export interface BudgetStore {
  listForProject(projectId: string): Promise<BudgetRow[]>;
  /** The rows that can stand above a subject's requests, and the subject's own: a project may have very many subjects. */
  listGoverning(projectId: string, subjectId: string): Promise<BudgetRow[]>;
  /** Newest first; `before` is where the page before ended. */
  listBudgets(projectId: string, page: { limit: number; before: TimeCursor | null }): Promise<BudgetRow[]>;
  findBudget(projectId: string, target: BudgetTarget): Promise<BudgetRow | null>;
  /** Makes the budget, or gives the one that is there new limits; its id and birth stay. */
  putBudget(row: BudgetRow, audit: AuditRecord): Promise<BudgetRow>;
  /** False when there is no such budget. */
  deleteBudget(projectId: string, target: BudgetTarget, audit: AuditRecord): Promise<boolean>;
  /** Every key of a line of rotations: spend is recorded under the key that was used. */
  listKeysOfRoot(projectId: string, rootKeyId: string): Promise<string[]>;
}

export function createBudgetStore(db: Database): BudgetStore {
  const at = (projectId: string, { kind, target }: BudgetTarget) =>
    and(eq(budgets.projectId, projectId), eq(budgets.kind, kind), eq(budgets.target, target));

  return {
    listForProject: (projectId) =>
      withDatabase(() => db.select().from(budgets).where(eq(budgets.projectId, projectId))),
    listGoverning: (projectId, subjectId) =>
      withDatabase(() =>
        db
          .select()
          .from(budgets)
          .where(and(eq(budgets.projectId, projectId), or(ne(budgets.kind, "subject"), eq(budgets.target, subjectId)))),
      ),
    listBudgets: (projectId, { limit, before }) =>
      withDatabase(() =>
        db
          .select()
          .from(budgets)
          .where(and(eq(budgets.projectId, projectId), isBefore({ at: budgets.createdAtMs, id: budgets.id }, before)))
          .orderBy(desc(budgets.createdAtMs), desc(budgets.id))
          .limit(limit),
      ),
    findBudget: (projectId, target) =>
      withDatabase(async () => (await db.select().from(budgets).where(at(projectId, target)))[0] ?? null),
    putBudget: (row, audit) =>
      withDatabase(async () => {
        const {
          id: _id,
          createdAtMs: _createdAtMs,
          projectId: _projectId,
          kind: _kind,
          target: _target,
          ...limits
        } = row;
        const [written] = await db.batch([
          db
            .insert(budgets)
            .values(row)
            .onConflictDoUpdate({ target: [budgets.projectId, budgets.kind, budgets.target], set: limits })
            .returning(),
          insertPendingAudit(db, audit),
        ]);
        return written[0] ?? row;
      }),
    deleteBudget: (projectId, target, audit) =>
      withDatabase(async () => {
        const found = await db.select({ id: budgets.id }).from(budgets).where(at(projectId, target));
        if (found.length === 0) return false;
        await db.batch([db.delete(budgets).where(at(projectId, target)), insertPendingAudit(db, audit)]);
        return true;
      }),
    listKeysOfRoot: (projectId, rootKeyId) =>
      withDatabase(async () => {
        const rows = await db
          .select({ id: keys.id })
          .from(keys)
          .where(and(eq(keys.projectId, projectId), eq(keys.rootId, rootKeyId)))
          .orderBy(asc(keys.createdAtMs));
        return rows.map(({ id }) => id);
      }),
  };
}
