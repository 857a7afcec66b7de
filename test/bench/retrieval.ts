/**
 * Ranking quality of the lexical path, with the SQL that the Durable Object runs, on public research collections outside the
 * repository: `node test/bench/retrieval.ts [--json]` (Node 24). PARAPET_BENCH_DATA names another folder in BEIR's layout.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { collectionSchema, insertWordsSql, lexicalSearchSql } from "../../src/objects/collection-schema.ts";
import { queryFromText } from "../../src/retrieval/query.ts";

const floors: Record<string, { ndcg10: number; recall100: number }> = {
  cranfield: { ndcg10: 0.525, recall100: 0.76 },
  cacm: { ndcg10: 0.505, recall100: 0.701 },
  cisi: { ndcg10: 0.398, recall100: 0.464 },
};

const folder = process.env["PARAPET_BENCH_DATA"] ?? join(import.meta.dirname, "../../../shared/data/retrieval");
const asJson = process.argv.includes("--json");

for (const [name, floor] of Object.entries(floors)) {
  const path = join(folder, name);
  if (!existsSync(path)) {
    console.log(`${name}: skipped, ${path} is not there`);
    continue;
  }
  const measured = measure(path);
  const row = { collection: name, ...measured, ndcg10Floor: floor.ndcg10, recall100Floor: floor.recall100 };
  console.log(asJson ? JSON.stringify(row) : describe(row));
}

function measure(path: string) {
  const database = new DatabaseSync(":memory:");
  for (const step of collectionSchema) database.exec(step);
  const insert = database.prepare(insertWordsSql);
  const ids: string[] = [];
  database.exec("begin");
  for (const { _id, title, text } of readRows(join(path, "corpus.jsonl"))) {
    ids.push(_id);
    insert.run(ids.length, title ?? "", text);
  }
  database.exec("commit");
  const relevant = readJudgements(join(path, "qrels.tsv"));
  const search = database.prepare(lexicalSearchSql);
  const queries = readRows(join(path, "queries.jsonl")).filter(({ _id }) => relevant.has(_id));
  let ndcg = 0;
  let recall = 0;
  const startedAt = performance.now();
  for (const { _id, text } of queries) {
    const { lexical } = queryFromText(text);
    const rows = lexical === null ? [] : search.all(lexical, 100);
    const found = rows.map(({ seq }) => ids[Number(seq) - 1] ?? "");
    const wanted = relevant.get(_id) ?? new Set();
    ndcg += ndcgAt10(found, wanted);
    recall += found.filter((id) => wanted.has(id)).length / wanted.size;
  }
  const round = (value: number) => Number((value / queries.length).toFixed(3));
  return {
    queries: queries.length,
    ndcg10: round(ndcg),
    recall100: round(recall),
    msAQuery: round(performance.now() - startedAt),
  };
}

/** Binary gains, as the floors were measured. */
function ndcgAt10(found: readonly string[], wanted: ReadonlySet<string>): number {
  const gainAt = (rank: number) => 1 / Math.log2(rank + 2);
  const gained = found.slice(0, 10).reduce((sum, id, rank) => sum + (wanted.has(id) ? gainAt(rank) : 0), 0);
  let ideal = 0;
  for (let rank = 0; rank < Math.min(10, wanted.size); rank++) ideal += gainAt(rank);
  return gained / ideal;
}

function readRows(path: string): { _id: string; title?: string; text: string }[] {
  return readFileSync(path, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

function readJudgements(path: string): Map<string, Set<string>> {
  const judgements = new Map<string, Set<string>>();
  for (const line of readFileSync(path, "utf8").trim().split("\n").slice(1)) {
    const [query = "", document = "", score = "0"] = line.split("\t");
    if (Number(score) <= 0) continue;
    judgements.set(query, (judgements.get(query) ?? new Set()).add(document));
  }
  return judgements;
}

function describe(row: {
  collection: string;
  queries: number;
  ndcg10: number;
  recall100: number;
  ndcg10Floor: number;
  recall100Floor: number;
  msAQuery: number;
}): string {
  const { collection, queries, ndcg10, recall100, ndcg10Floor, recall100Floor, msAQuery } = row;
  return `${collection.padEnd(10)} ${queries} queries  nDCG@10 ${ndcg10} (floor ${ndcg10Floor})  R@100 ${recall100} (floor ${recall100Floor})  ${msAQuery} ms a query`;
}
