import { tracing } from "cloudflare:workers";

/** Mirrors a span to Workers' own tracing, so that it shows in the Cloudflare dashboard with no exporter. */
export interface NativeSpan {
  setAttributes(attributes: Record<string, string | number | boolean | string[]>): void;
  end(): void;
}

const noSpan: NativeSpan = { setAttributes: () => undefined, end: () => undefined };

/** Attribute lists become comma-separated text: native spans take scalars only. */
export function startNativeSpan(name: string): NativeSpan {
  const span = tracing.startSpan(name);
  if (!span.isTraced) return noSpan;
  return {
    setAttributes(attributes) {
      for (const [key, value] of Object.entries(attributes)) {
        span.setAttribute(key, Array.isArray(value) ? value.join(",") : value);
      }
    },
    end: () => span.end(),
  };
}
