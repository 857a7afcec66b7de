import { AppError } from "./errors.ts";
import { tiers, type ModelCard } from "./model.ts";
import type { ParapetRequest } from "./parapet-extension.ts";
import type { Principal } from "./principal.ts";

type Restrictions = Pick<Principal, "allowedModels" | "allowedExtensions">;

/**
 * What a restricted caller (an app's user) asks for outside its lists is refused by name: `forbidden`, with the field at fault.
 * A pattern stands for what it says: `fast` permits the tier's name, not the names of the models in it.
 */
export function refuseDisallowed(
  { model, parapet }: { model: string; parapet?: ParapetRequest | undefined },
  { allowedModels, allowedExtensions }: Restrictions,
): void {
  if (allowedModels !== null && !mayName({ allowedModels }, model)) {
    throw new AppError("forbidden", `You may not use this model. You may use ${listOf(allowedModels)}.`, {
      param: "model",
    });
  }
  if (allowedExtensions === null) return;
  const sent = Object.entries(parapet ?? {}).filter(([, value]) => value !== undefined);
  const refused = sent.find(([name]) => !allowedExtensions.includes(name));
  if (refused !== undefined) {
    throw new AppError("forbidden", `You may not send this field. You may send ${listOf(allowedExtensions)}.`, {
      param: `parapet.${refused[0]}`,
    });
  }
}

/** Whether a caller may write this name into `model`. */
export function mayName({ allowedModels }: Pick<Principal, "allowedModels">, model: string): boolean {
  return allowedModels === null || allowedModels.some((pattern) => names(pattern, model));
}

/**
 * Whether an answer may come from this model: a tier's name stands for its models here. A list that has nothing but `auto`
 * leaves the choice to the router; next to other patterns, `auto` chooses among what they permit.
 */
export function mayUse({ allowedModels }: Pick<Principal, "allowedModels">, card: ModelCard): boolean {
  if (allowedModels === null) return true;
  const concrete = allowedModels.filter((pattern) => pattern !== "auto");
  if (concrete.length === 0) return allowedModels.length > 0 && card.tier !== null;
  return concrete.some((pattern) => (isTier(pattern) ? card.tier === pattern : names(pattern, card.id)));
}

function names(pattern: string, model: string): boolean {
  return pattern.endsWith("/*") ? model.startsWith(pattern.slice(0, -1)) : model === pattern;
}

function isTier(pattern: string): boolean {
  return tiers.some((tier) => tier === pattern);
}

function listOf(allowed: readonly string[]): string {
  return allowed.length === 0 ? "none" : allowed.map((name) => `\`${name}\``).join(", ");
}
