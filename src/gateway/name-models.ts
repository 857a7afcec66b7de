import type { ModelCard } from "../core/model.ts";
import type { ParapetRequest } from "../core/parapet-extension.ts";

/**
 * A request with its models under their full names, `provider/model`. Before anything is decided by name: what a caller may
 * use, where an answer is cached, what a report says.
 */
export function nameModels<Request extends { model: string; parapet?: ParapetRequest | undefined }>(
  request: Request,
  models: { find(id: string): ModelCard | null },
): Request {
  const nameOf = (asked: string) => models.find(asked)?.id ?? asked;
  const fallbacks = request.parapet?.fallbacks?.map(nameOf);
  return {
    ...request,
    model: nameOf(request.model),
    ...(fallbacks === undefined ? {} : { parapet: { ...request.parapet, fallbacks } }),
  };
}
