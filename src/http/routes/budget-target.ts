import { z } from "@hono/zod-openapi";
import { AppError } from "../../core/errors.ts";
import { label } from "../../core/parapet-extension.ts";
import type { BudgetRow, BudgetTarget } from "../../db/budget-store.ts";
import type { Services } from "../../services.ts";

export const budgetKinds = ["project", "key", "feature", "subject"] as const;

/** How a budget is named in a path. */
export const budgetPath = z.object({
  kind: z.enum(budgetKinds),
  target: z
    .string()
    .min(1)
    .max(256)
    .describe("The project's id, a key's id, a feature's name, or a subject as your calls name it"),
});

/** Whose budget a path means, as the table knows it: a key by the first of its line, a subject by its id alone. */
export async function resolveTarget(
  { kind, target }: z.infer<typeof budgetPath>,
  projectId: string,
  { keys, secretKeys }: Pick<Services, "keys" | "secretKeys">,
): Promise<BudgetTarget> {
  switch (kind) {
    case "project":
      if (target !== projectId) throw new AppError("not_found", "This is not your project.", { param: "target" });
      return { kind, target: "" };
    case "key": {
      const key = await keys.findKey(projectId, target);
      if (key === null) throw new AppError("not_found", "There is no key with this id.", { param: "target" });
      return { kind, target: key.rootId };
    }
    case "feature": {
      const feature = label.safeParse(target);
      if (!feature.success)
        throw new AppError("invalid_request", `target: ${feature.error.issues[0]?.message ?? "is no feature"}`, {
          param: "target",
        });
      return { kind, target };
    }
    case "subject":
      return { kind, target: await secretKeys.subjectId(projectId, target) };
  }
}

/** The target as the API shows it. */
export function shownTarget({ kind, target, projectId }: BudgetRow): string {
  return kind === "project" ? projectId : target;
}
