import type { Clock } from "../core/clock.ts";
import { newSpanId, newTraceId } from "../core/ids.ts";
import type { SpanRecord, TraceRecord } from "../core/records.ts";
import { startNativeSpan, type NativeSpan } from "./native-span.ts";

export type Attributes = SpanRecord["attributes"];

/** One operation in a trace. Attributes are names, numbers and ids: content never goes in. */
export interface Span {
  readonly spanId: string;
  /** For a name that is known only later. */
  rename(name: string): void;
  set(attributes: Attributes): void;
  /** Ends the span once; a second call does nothing. */
  end(outcome?: { error?: string }): void;
}

export interface Trace {
  readonly traceId: string;
  readonly root: Span;
  /** The W3C header our own calls carry; a caller's is linked, never adopted. */
  traceparent(span?: Span): string;
  startSpan(name: string, options?: { kind?: SpanRecord["kind"]; attributes?: Attributes; parent?: Span }): Span;
  /** Ends what is still open and gives the row. */
  finish(identity: { projectId: string; subjectId: string }): TraceRecord;
}

/** A caller's header, so that both traces can be found from one another. */
const traceparentPattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** Starts a request's trace with its root span. Times come from the isolate's clock, which moves on I/O only. */
export function startTrace({ name, clock, linked }: { name: string; clock: Clock; linked: string | null }): Trace {
  const traceId = newTraceId();
  const records: { record: SpanRecord; open: boolean; native: NativeSpan }[] = [];

  function startSpan(spanName: string, options: Parameters<Trace["startSpan"]>[1] = {}): Span {
    const record: SpanRecord = {
      spanId: newSpanId(),
      parentSpanId: options.parent?.spanId ?? records[0]?.record.spanId ?? null,
      name: spanName,
      kind: options.kind ?? "internal",
      startMs: clock(),
      endMs: 0,
      status: "ok",
      attributes: { ...options.attributes },
    };
    const entry = { record, open: true, native: startNativeSpan(spanName) };
    entry.native.setAttributes({ "parapet.trace_id": traceId, ...record.attributes });
    records.push(entry);
    return {
      spanId: record.spanId,
      rename(newName) {
        record.name = newName;
      },
      set(attributes) {
        Object.assign(record.attributes, attributes);
        entry.native.setAttributes(attributes);
      },
      end(outcome = {}) {
        if (!entry.open) return;
        entry.open = false;
        record.endMs = clock();
        if (outcome.error !== undefined) {
          record.status = "error";
          record.attributes["error.type"] = outcome.error;
          entry.native.setAttributes({ "error.type": outcome.error });
        }
        entry.native.end();
      },
    };
  }

  const link = traceparentPattern.exec(linked ?? "");
  const root = startSpan(name, {
    kind: "server",
    attributes:
      link === null ? {} : { "parapet.linked_trace_id": link[1] ?? "", "parapet.linked_span_id": link[2] ?? "" },
  });

  return {
    traceId,
    root,
    traceparent: (span = root) => `00-${traceId}-${span.spanId}-01`,
    startSpan,
    finish({ projectId, subjectId }) {
      const endMs = clock();
      for (const entry of records) {
        if (!entry.open) continue;
        entry.open = false;
        entry.record.endMs = endMs;
        entry.native.end();
      }
      const startMs = records[0]?.record.startMs ?? endMs;
      return { traceId, projectId, subjectId, startMs, endMs, spans: records.map((entry) => entry.record) };
    },
  };
}
