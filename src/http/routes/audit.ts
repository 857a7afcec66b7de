import { createRoute, z } from "@hono/zod-openapi";
import { genesis, verifyChain } from "../../audit/chain.ts";
import type { ChainedRecord, ChainHead } from "../../core/chain.ts";
import { AppError } from "../../core/errors.ts";
import type { Principal } from "../../core/principal.ts";
import type { Services } from "../../services.ts";
import type { App } from "../context.ts";
import { govern } from "../govern.ts";
import { requireScope } from "../middleware/require-scope.ts";
import { errorResponses, jsonResponse, security } from "./openapi.ts";
import { pageOf, pageQuery, toPage } from "./page.ts";

const auditEntry = z
  .object({
    seq: z.int(),
    hash: z.string(),
    previous_hash: z.string(),
    record: z
      .record(z.string(), z.unknown())
      .describe("As it was hashed: SHA-256 of the canonical JSON of { seq, previousHash, record }."),
  })
  .meta({ id: "AuditEntry" });

const verification = z
  .object({
    valid: z.boolean(),
    entries: z.int().describe("How many were checked"),
    head: z.object({ seq: z.int(), hash: z.string() }),
    broken: z.object({ seq: z.int(), reason: z.enum(["gap", "edited", "reordered", "truncated"]) }).nullable(),
    backlog: z.int().describe("Rows that are recorded but not yet in the database"),
  })
  .meta({ id: "AuditVerification" });

const verifyPageSize = 1000;
const read = requireScope("audit:read");

/** `/v1/audit`: the project's hash-chained log, and its verification. */
export function registerAuditRoutes(app: App): void {
  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/audit",
      summary: "The audit log, newest first",
      security,
      middleware: read,
      request: {
        query: pageQuery.extend({ trace_id: z.string().max(32).optional(), action: z.string().max(64).optional() }),
      },
      responses: { 200: jsonResponse(pageOf(auditEntry)), ...errorResponses },
    }),
    async (c) => {
      const { limit, after, trace_id: traceId, action } = c.req.valid("query");
      return govern(c, { action: "GET /v1/audit" }, async () => {
        const { services, principal } = c.var;
        const beforeSeq = after === undefined ? null : Number(after);
        if (beforeSeq !== null && !Number.isSafeInteger(beforeSeq))
          throw new AppError("invalid_request", "after: is not a cursor of this list", { param: "after" });
        await services.freshen(principal);
        const rows = await services.audit.listAudit(principal.projectId, {
          limit: limit + 1,
          beforeSeq,
          traceId: traceId ?? null,
          action: action ?? null,
        });
        return {
          result: c.json(toPage({ rows, limit, cursorOf: (row) => String(row.seq), render: renderEntry }), 200),
        };
      });
    },
  );

  app.openapi(
    createRoute({
      method: "get",
      path: "/v1/audit/verify",
      summary: "Check every hash of the chain, and its end",
      security,
      middleware: read,
      responses: { 200: jsonResponse(verification), ...errorResponses },
    }),
    async (c) =>
      govern(c, { action: "GET /v1/audit/verify" }, async () => ({
        result: c.json(await verifyProject(c.var.services, c.var.principal), 200),
      })),
  );
}

async function verifyProject(services: Services, principal: Principal): Promise<z.infer<typeof verification>> {
  const { projectId } = principal;
  const collector = services.collectorOf(projectId);
  await services.freshen(principal);
  const before = await collector.status();
  let head = genesis;
  let hashAtEnd: string | null = null;
  let broken: z.infer<typeof verification>["broken"] = null;
  while (broken === null) {
    const page = await services.audit.readChain(projectId, { afterSeq: head.seq, limit: verifyPageSize });
    if (page.length === 0) break;
    hashAtEnd = page.find((entry) => entry.seq === before.head.seq)?.hash ?? hashAtEnd;
    ({ head, broken } = verifyChain(head, page));
  }
  // Asked again: what was chained while the rows were read has only made the log longer.
  const after = await collector.status();
  broken ??= compareEnds({ head, hashAtEnd, before, after });
  return { valid: broken === null, entries: head.seq, head, broken, backlog: after.unwritten + after.unchained };
}

interface Ends {
  /** Of the rows in the database. */
  head: ChainHead;
  /** Of the database's row where the collector's chain ended before the rows were read; `null` when there is none. */
  hashAtEnd: string | null;
  before: { head: ChainHead; unwritten: number };
  after: { head: ChainHead };
}

/** Without a broken link a chain can still be cut short, made anew, or lengthened: the collector knows how it really ends. */
function compareEnds({ head, hashAtEnd, before, after }: Ends): z.infer<typeof verification>["broken"] {
  if (head.seq + before.unwritten < before.head.seq) return { seq: head.seq + 1, reason: "truncated" };
  if (hashAtEnd !== null && hashAtEnd !== before.head.hash) return { seq: before.head.seq, reason: "edited" };
  if (head.seq > after.head.seq) return { seq: after.head.seq + 1, reason: "edited" };
  if (head.seq === after.head.seq && head.seq > 0 && head.hash !== after.head.hash)
    return { seq: head.seq, reason: "edited" };
  return null;
}

function renderEntry(entry: ChainedRecord): z.infer<typeof auditEntry> {
  return { seq: entry.seq, hash: entry.hash, previous_hash: entry.previousHash, record: { ...entry.record } };
}
