import type { z } from "zod";
import { anthropicErrorBody, errorBody } from "../error-response.ts";

/** Pieces every route's OpenAPI description is made of. */
export const security = [{ bearer: [] }];

export function jsonBody<T extends z.ZodType>(schema: T) {
  return { required: true as const, content: { "application/json": { schema } } };
}

export function jsonResponse<T extends z.ZodType>(schema: T, description = "OK") {
  return { description, content: { "application/json": { schema } } };
}

const error = { description: "An error", content: { "application/json": { schema: errorBody } } };

/** Declared once for all routes; which code comes when is in docs/gateway.md. */
export const errorResponses = { "4XX": error, "5XX": error } as const;

const anthropicError = {
  description: "An error, in Anthropic's shape",
  content: { "application/json": { schema: anthropicErrorBody } },
};

/** The same for the routes under `/v1/messages`. */
export const anthropicErrorResponses = { "4XX": anthropicError, "5XX": anthropicError } as const;
