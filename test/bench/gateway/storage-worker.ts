import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";

// The storage that production has elsewhere, as cheap as it can be: what it costs here is not Parapet's.

interface Query {
  sql: string;
  params?: (string | number | null)[];
}

/** D1 as its client in workerd speaks to it: SQLite, one transaction a request. */
export class Database extends DurableObject {
  override async fetch(request: Request): Promise<Response> {
    // Its client sends one query, or a list of them.
    const body = (await request.json()) as Query | Query[];
    const objects = new URL(request.url).searchParams.get("resultsFormat") !== "ROWS_AND_COLUMNS";
    const { sql } = this.ctx.storage;
    try {
      const results = this.ctx.storage.transactionSync(() =>
        (Array.isArray(body) ? body : [body]).map((query) => {
          const cursor = sql.exec(query.sql, ...(query.params ?? []));
          const columns = cursor.columnNames;
          const rows = [...cursor.raw()];
          const meta = {
            duration: 0,
            changes: 0,
            last_row_id: 0,
            changed_db: true,
            size_after: 0,
            rows_read: 0,
            rows_written: 0,
          };
          const asObjects = () =>
            rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]])));
          return { success: true, results: objects ? asObjects() : { columns, rows }, meta };
        }),
      );
      return Response.json(results);
    } catch (cause) {
      return Response.json({ success: false, error: String(cause) }, { status: 500 });
    }
  }
}

/** Takes objects and forgets them: a put costs a call to another worker and the bytes' way there. */
export class Bucket extends WorkerEntrypoint {
  async put(_key: string, value: Uint8Array): Promise<{ size: number }> {
    return { size: value.byteLength };
  }
}

export default {
  fetch(request: Request, env: { DATABASE: DurableObjectNamespace }): Promise<Response> {
    return env.DATABASE.getByName("d1").fetch(request);
  },
};
