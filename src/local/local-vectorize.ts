import { WorkerEntrypoint } from "cloudflare:workers";
import type { LocalIndexInfo, LocalVectors } from "./local-vectors.ts";
import { readFilter } from "./vectorize-filter.ts";
import { checkBatch, checkIds, checkQuery, checkQueryVector, vectorizeError } from "./vectorize-limits.ts";

interface LocalVectorizeEnv {
  LOCAL_VECTORS: DurableObjectNamespace<LocalVectors>;
}

type Values = Parameters<Vectorize["query"]>[0];

/** Stands where production has the Vectorize binding: the same methods, limits, delays and error texts, on this machine. */
export class LocalVectorize extends WorkerEntrypoint<LocalVectorizeEnv> {
  async describe(): Promise<LocalIndexInfo> {
    return await this.#index().describe();
  }

  async query(vector: Values, options: VectorizeQueryOptions = {}): Promise<VectorizeMatches> {
    checkQueryVector(vector);
    refuseBadQuery(options);
    return await this.#index().query(Array.from(vector), options);
  }

  async queryById(vectorId: string, options: VectorizeQueryOptions = {}): Promise<VectorizeMatches> {
    refuseBadQuery(options);
    const matches = await this.#index().queryById(vectorId, options);
    if (!matches) throw vectorizeError("QUERY", 40028, `no vector has the id ${JSON.stringify(vectorId)}`);
    return matches;
  }

  async insert(vectors: VectorizeVector[]): Promise<VectorizeAsyncMutation> {
    checkBatch("INSERT", vectors);
    return await this.#index().insert(vectors);
  }

  async upsert(vectors: VectorizeVector[]): Promise<VectorizeAsyncMutation> {
    checkBatch("UPSERT", vectors);
    return await this.#index().upsert(vectors);
  }

  async deleteByIds(ids: string[]): Promise<VectorizeAsyncMutation> {
    checkIds("DELETE", ids);
    return await this.#index().deleteByIds(ids);
  }

  async getByIds(ids: string[]): Promise<VectorizeVector[]> {
    checkIds("GET", ids);
    return await this.#index().getByIds(ids);
  }

  #index(): DurableObjectStub<LocalVectors> {
    return this.env.LOCAL_VECTORS.getByName("index");
  }
}

function refuseBadQuery(options: VectorizeQueryOptions): void {
  checkQuery(options);
  readFilter(options.filter);
}
