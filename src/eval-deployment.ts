import { AppError } from "./core/errors.ts";
import { newId } from "./core/ids.ts";
import type { Principal } from "./core/principal.ts";
import { changeRecord } from "./core/records.ts";
import { complete } from "./gateway/complete.ts";
import { ingestDocument } from "./gateway/ingest-document.ts";
import { GuardrailError } from "./guardrails/guardrail-error.ts";
import type { EvalDeployment } from "./objects/eval-deployment.ts";
import { loadServices } from "./services.ts";

/** Composes what an eval run measures: the deployment itself, as a system principal sees it. */
export async function loadEvalDeployment(env: Env): Promise<EvalDeployment> {
  const services = await loadServices(env);
  const { gateway, collections, secretKeys, clock } = services;
  const documentNames = new Map<string, string>();

  return {
    evals: services.evals,
    groundedPromptVersion() {
      const { name, version } = gateway.prompts.current(gateway.groundedPrompt);
      return `${name} ${version}`;
    },
    async evalPrincipal(projectId): Promise<Principal> {
      return {
        kind: "system",
        projectId,
        keyId: null,
        rootKeyId: null,
        subject: "system:evals",
        subjectId: await secretKeys.subjectId(projectId, "system:evals"),
        groups: [],
        scopes: new Set(["chat", "collections:read", "collections:write"]),
        roles: [],
        allowedModels: null,
        allowedExtensions: null,
        onDisconnect: "abort",
      };
    },
    async ensureCollection(name, principal) {
      const { projectId } = principal;
      const known = await collections.findCollectionByName(projectId, name);
      if (known !== null) return known.id;
      const row = {
        id: newId("collection"),
        projectId,
        name,
        fingerprint: services.embeddingFingerprint,
        createdAtMs: clock(),
      };
      const record = changeRecord({
        principal,
        traceId: "",
        atMs: clock(),
        action: "collection.create",
        target: row.id,
        detail: {},
      });
      await collections.insertCollection(row, record);
      return row.id;
    },
    async ingest(document, { collectionId, scope }) {
      const text = document.text;
      const { row } = await ingestDocument(
        { collectionId, externalId: document.name, title: document.name, contentType: "text/markdown", text },
        scope,
        services.ingestion,
      );
      documentNames.set(row.id, document.name);
    },
    async ask({ input, model, maxCompletionTokens, collectionId }, scope) {
      const request = {
        model,
        max_completion_tokens: maxCompletionTokens,
        messages: [{ role: "user" as const, content: input }],
        parapet: { collection: collectionId, feature: "evals", task: "eval" },
      };
      const nothing = { content: "", errorCode: null, grounding: "none" as const, citedDocuments: [], verdicts: [] };
      try {
        const { answer, parapet } = await complete(request, scope, gateway);
        const cited = await Promise.all(answer.citations.map((source) => nameOf(source.document_id)));
        const outcome = {
          ...nothing,
          content: answer.content ?? "",
          grounding: answer.grounding,
          citedDocuments: cited,
          verdicts: parapet.guardrails,
        };
        return { outcome, model: answer.model, costMicros: parapet.cost_micros };
      } catch (cause) {
        const errorCode = cause instanceof AppError ? cause.code : "internal";
        const verdicts = cause instanceof GuardrailError ? cause.verdicts : [];
        return { outcome: { ...nothing, errorCode, verdicts }, model: null, costMicros: 0 };
      }

      /** A run that goes on after a restart did not ingest in this life of the object. */
      async function nameOf(documentId: string): Promise<string> {
        const known = documentNames.get(documentId);
        if (known !== undefined) return known;
        const row = await collections.findDocument(scope.principal.projectId, collectionId, documentId);
        documentNames.set(documentId, row?.externalId ?? documentId);
        return row?.externalId ?? documentId;
      }
    },
  };
}
